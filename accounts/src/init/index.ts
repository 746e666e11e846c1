/** What makes a box's operator and accounts without any network: for who sets a box up. */
export { type IssueClaimOptions, issueClaim } from "../claims/claim-file.ts";
export { type FleetFacts, readFleet } from "./fleet-file.ts";
export { type InitAccountsOptions, initAccounts, renewCredentials } from "./init-accounts.ts";
export { serviceCredentialsPath } from "./paths.ts";
