/**
 * The client without a platform: identity, trust in the log, rooms, outbox and files as reducers,
 * run through ports. `client-node` brings the ports for Node.
 */
export type * from "./client-types.ts";
export { clientErrors } from "./errors.ts";
export type * from "./identity/setup-types.ts";
export type * from "./ports.ts";
export { assertSealed } from "./store/sealed-format.ts";
export { segmentNonce } from "./files/cobblestone.ts";
export { sealedSegmentsOf } from "./files/segments.ts";
