/** Real servers for tests; nothing here runs in production. */
export * from "./nats.ts";
export * from "./nats-fleet.ts";
export { NatsProcess } from "./nats-process.ts";
