import { MAX_MESSAGE_BYTES, MAX_PASS_ROOMS } from "@cloister/base";

/** `max_payload`: headers and body of one message. */
export const NATS_MAX_PAYLOAD_BYTES = MAX_MESSAGE_BYTES;

/**
 * `max_control_line`. The CONNECT line carries the user JWT: 54 bytes of it a room, 900 otherwise.
 * The server buffers that much for whoever has not signed in yet, so it is kept small.
 */
export const NATS_MAX_CONTROL_LINE_BYTES = 16_384;

/** Rooms that one user JWT may name: what fits the control line, and far below 4,096 subjects. */
export const MAX_ROOMS_PER_USER_JWT = MAX_PASS_ROOMS;

/** Longest life of a member's JWT. */
export const MAX_USER_JWT_SECONDS = 3_600;

/** Longest token that is decoded. */
export const MAX_JWT_CHARS = 1_048_576;

/** Longest display name in a claim, in UTF-16 units. */
export const MAX_CLAIM_NAME_CHARS = 256;

/** Subscriptions of one member connection. */
export const MAX_MEMBER_SUBSCRIPTIONS = 64;

/** Revocations that an account JWT holds before it must be compacted. */
export const MAX_REVOCATIONS = 10_000;
