/** RFC 9106 §4, second recommendation: 64 MiB, three passes. */
export const ARGON2_MEMORY_KIB = 64 * 1024;
export const ARGON2_PASSES = 3;
export const ARGON2_PARALLELISM = 1;
export const ARGON2_SALT_BYTES = 16;

/** Whoever wants fewer has none to guess. Generated passphrases are far above. */
export const MIN_PASSPHRASE_CHARS = 16;
export const MAX_PASSPHRASE_BYTES = 1024;

export const STORE_KEY_BYTES = 32;
/** A key file holds one short JSON object. */
export const MAX_STORE_KEY_FILE_BYTES = 4096;

/** Bounds for what an altered key file could make us spend before it is refused. */
export const MAX_ARGON2_MEMORY_KIB = 1024 * 1024;
export const MAX_ARGON2_PASSES = 16;
export const MAX_ARGON2_PARALLELISM = 16;
