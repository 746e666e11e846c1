/**
 * The client without a platform: identity, trust in the log, rooms, outbox and files as reducers,
 * run through ports. `client-node` brings the ports for Node.
 */
export { connect } from "./client/connect.ts";
export type * from "./client-types.ts";
export { webCrypto } from "./crypto/web-crypto.ts";
export { clientErrors } from "./errors.ts";
export { segmentNonce } from "./files/cobblestone.ts";
export { sealedSegmentsOf } from "./files/segments.ts";
export { readInvitation } from "./identity/invitation.ts";
export { setup } from "./identity/setup.ts";
export type * from "./identity/setup-types.ts";
export type * from "./ports.ts";
export { assertSealed, SEALED_HEADER_BYTES } from "./store/sealed-format.ts";
