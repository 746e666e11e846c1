/** The JWT server and Authentication Service: operator, org accounts, statements logs. */
export { type IssueClaimOptions, issueClaim } from "./claims/claim-file.ts";
export { accountsErrors } from "./errors.ts";
export { type FleetFacts, readFleet, type ServiceAccountName } from "./init/fleet-file.ts";
export { type InitAccountsOptions, initAccounts, renewCredentials } from "./init/init-accounts.ts";
export { serviceCredentialsPath } from "./init/paths.ts";
export type { ServiceStorage } from "./init/service-accounts.ts";
export { type ServiceUserName, serviceUserNames } from "./init/service-users.ts";
export {
  type AccountsConfig,
  type AccountsDeps,
  type AccountsService,
  startAccounts,
} from "./service/start-accounts.ts";
