/** The relay: nats-server as a supervised child, and the Delivery Service over it. */
export { parseRelayConfig } from "./config.ts";
export { relayErrors } from "./errors.ts";
export type { AppendStep } from "./handlers/context.ts";
export type { CallLimits } from "./handlers/call-limiter.ts";
export * from "./limits.ts";
export { type Relay, type RelayDeps, type RelayTrouble, openRelay } from "./open-relay.ts";
export { connectOrg, type ConnectOrgOptions, type OrgConnection, type OrgStreamSizes } from "./orgs/org-connection.ts";
export type { OrgAccount } from "./orgs/org-directory.ts";
export type { DeliverySizes } from "./store/delivery-streams.ts";
export { type NatsFleet, type NatsServer, type NatsServerOptions, startNatsServer } from "./nats-server/start-nats-server.ts";
export { type RelayConfig, startRelay, type StartRelayDeps } from "./process/start-relay.ts";
