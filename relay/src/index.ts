/** The relay: nats-server as a supervised child, and the Delivery Service over it. */
export { parseRelayConfig } from "./config.ts";
export { relayErrors } from "./errors.ts";
export type { CallLimits } from "./handlers/call-limiter.ts";
export type { AppendStep } from "./handlers/context.ts";
export * from "./limits.ts";
export {
  type NatsFleet,
  type NatsServer,
  type NatsServerOptions,
  startNatsServer,
} from "./nats-server/start-nats-server.ts";
export { openRelay, type Relay, type RelayDeps, type RelayTrouble } from "./open-relay.ts";
export {
  type ConnectOrgOptions,
  connectOrg,
  type OrgConnection,
  type OrgStreamSizes,
} from "./orgs/org-connection.ts";
export type { OrgAccount } from "./orgs/org-directory.ts";
export { type RelayConfig, type StartRelayDeps, startRelay } from "./process/start-relay.ts";
export type { DeliverySizes } from "./store/delivery-streams.ts";
