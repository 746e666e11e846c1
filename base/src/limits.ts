/** Numbers that every side of the contract agrees on; each package has a limits.ts for its own. */

/** `max_payload` of every server: one message with its headers. */
export const MAX_MESSAGE_BYTES = 512_000;

/** Plaintext of one Cobblestone-256 segment of a file. */
export const FILE_SEGMENT_BYTES = 16 * 1024;

/** Authentication tag that each sealed segment adds. */
export const FILE_SEGMENT_TAG_BYTES = 16;

/** Segments that travel in one message: 31 × (16,384 + 16) = 508,400 bytes. */
export const FILE_SEGMENTS_PER_MESSAGE = 31;

export const FILE_CHUNK_BYTES =
  FILE_SEGMENTS_PER_MESSAGE * (FILE_SEGMENT_BYTES + FILE_SEGMENT_TAG_BYTES);

/** A random id: 128 bits. */
export const RANDOM_ID_BYTES = 16;

/** A SHA-256 digest: org ids, roots, hashes of records. */
export const HASH_BYTES = 32;

export const ED25519_PUBLIC_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;

/** Longest name of a signed type, in `cloister/v1/<type>`. */
export const MAX_SIGNED_TYPE_CHARS = 64;

/** Longest Merkle proof: the height of a tree of 2^53 - 1 leaves, with both halves. */
export const MAX_MERKLE_PROOF_HASHES = 107;

/** Either side of the receiver's clock that a request's time may lie (docs/protocol.md, Calls). */
export const REQUEST_WINDOW_MS = 120_000;

/** The random number of a request, burnt for as long as the window is open. */
export const NONCE_BYTES = 16;

export const MAX_SESSION_MS = 24 * 60 * 60 * 1000;

export const MAX_NATS_JWT_MS = 60 * 60 * 1000;

export const MAX_GRANT_MS = 60 * 1000;

/** An encoded statement or genesis, before its envelope. */
export const MAX_STATEMENT_BYTES = 65_536;

/** Rooms that one pass and one NATS user JWT name. */
export const MAX_PASS_ROOMS = 200;

/** Text of one message. */
export const MAX_TEXT_BYTES = 400_000;
