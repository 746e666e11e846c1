/** What the servers stand on: NATS tokens, accounts and subjects, children, configuration, logs. */
export * from "./account-scopes.ts";
export * from "./account-templates.ts";
export * from "./config.ts";
export { ed25519Signer } from "./ed25519.ts";
export { kitErrors } from "./errors.ts";
export { sha256Hex, sha256OfFile } from "./file-hash.ts";
export { isForeignRecord } from "./foreign-record.ts";
export { freePort, freePorts, requireFreePort } from "./free-port.ts";
export { type GoBuildOptions, runGoBuild } from "./go-build.ts";
export {
  Lifecycle,
  type LifecycleOptions,
  type LifecycleState,
} from "./lifecycle.ts";
export * from "./limits.ts";
export * from "./log.ts";
export * from "./log-errors.ts";
export * from "./log-follower.ts";
export * from "./log-reader.ts";
export { memberRules } from "./log-rules.ts";
export * from "./metrics.ts";
export {
  type NatsServerBinary,
  type ResolveNatsServerOptions,
  resolveNatsServer,
} from "./nats-binary.ts";
export * from "./nats-config.ts";
export * from "./nats-connection.ts";
export * from "./nats-grammar.ts";
export * from "./nats-jwt/index.ts";
export { waitForNats } from "./nats-ready.ts";
export { endRemembered, isProcessRunning } from "./orphan.ts";
export * from "./revocations-of-log.ts";
export * from "./rpc/index.ts";
export { type RunningService, runService, type ServiceProcess } from "./run-service.ts";
export * from "./sealing/index.ts";
export * from "./stream-config.ts";
export {
  type ChildState,
  SupervisedChild,
  type SupervisedChildOptions,
} from "./supervised-child.ts";
export * from "./tls-ca.ts";
