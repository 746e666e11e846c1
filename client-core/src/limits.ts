/** Numbers of the client alone; what every side agrees on stands in base's limits. */

export const MAX_STORE_KEY_CHARS = 1024;
/** One sealed value: a batch with its envelope, or a group's largest blob. */
export const MAX_STORE_VALUE_BYTES = 64 * 1024 * 1024;

/** Encoded items sealed together: with envelope and padding one record stays below the wire's limit. */
export const MAX_BATCH_ITEM_BYTES = 408_000;
export const MAX_BATCH_ITEMS = 4096;

/** How old the newest checkpoint may be when something is sealed (rule 4: fetch before seal). */
export const LOG_FRESH_MS = 1_000;

/** Records of one room that may wait for their acknowledgement. */
export const MAX_RECORDS_IN_FLIGHT = 8;
export const MAX_INBOX_AHEAD_BYTES = 8 * 1024 * 1024;
/** Opened in one transaction. */
export const MAX_OPEN_TOGETHER_BYTES = 4 * 1024 * 1024;

/** Counters of one device that may be missing before the rest is only counted. */
export const MAX_MISSING_COUNTERS = 1024;

export const CONFIRM_RANK_DELAY_MS = 150;

export const REQUEST_TIMEOUT_MS = 10_000;
export const PUBLISH_TIMEOUT_MS = 15_000;
export const HTTP_TIMEOUT_MS = 15_000;
/** One step of connecting, of which each has bounds of its own: this one holds if those do not. */
export const LINK_STEP_TIMEOUT_MS = 45_000;
export const MAX_HTTP_RESPONSE_BYTES = 16 * 1024 * 1024;

/** Shortest and longest pause between tries of what the network refused. */
export const RETRY_FIRST_MS = 250;
export const RETRY_LAST_MS = 10_000;

/** Chunks of one file on their way at once. */
export const FILE_WINDOW_CHUNKS = 16;

export const LOG_PAGE_RECORDS = 500;

export const MAX_INVITATION_CHARS = 8192;
