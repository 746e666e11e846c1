/** What this version of the rules knows: a statement or room that asks for more is refused. */
export const KNOWN_CRITICAL_VERSION = 1;
export const KNOWN_RULES_VERSION = 1;

/** RFC 9420 §17.1: MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519. */
export const ROOM_SUITE = 0x0003;

/** A gateway's clock may run ahead of the reader's by this much. */
export const TOKEN_SKEW_MS = 120_000;

export const MAX_LOG_RECORD_BYTES = 72_000;
export const MAX_SIGNED_STATEMENT_BYTES = 70_000;
export const MAX_TOKEN_BYTES = 16_384;
export const MAX_HANDSHAKE_BYTES = 490_000;
