/** Real servers for tests; nothing here runs in production. */
export { type ForgedClaims, forgeJwt } from "./forge.ts";
export { JwtOracle, type OracleAnswer } from "./jwt-oracle.ts";
export * from "./nats.ts";
export * from "./nats-fleet.ts";
export * from "./nats-org.ts";
export { NatsProcess, type NatsProcessOptions } from "./nats-process.ts";
export { type PlainNats, startPlainNats } from "./plain-nats.ts";
export { pushAccount } from "./push-account.ts";
export { RawNats, type RawNatsOptions } from "./raw-nats.ts";
export { type TlsFiles, writeTls } from "./test-tls.ts";
export { type Violation, Violations } from "./violations.ts";
