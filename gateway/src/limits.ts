import { REQUEST_WINDOW_MS } from "@cloister/base";

/** Every number that bounds what a caller can make the gateway do. */

/** Body of a call; what carries a statement has its own. Checked before anything is read. */
export const MAX_CALL_BYTES = 24 * 1024;

/** Body of a call that carries a statement or genesis of up to 70,000 bytes. */
export const MAX_STATEMENT_CALL_BYTES = 80 * 1024;

/** Request line and headers together. */
export const MAX_HEADER_BYTES = 8 * 1024;

/** A caller has this long for its TLS handshake, its headers, and its whole request. */
export const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
export const HEADERS_TIMEOUT_MS = 10_000;
export const REQUEST_TIMEOUT_MS = 20_000;
export const KEEP_ALIVE_TIMEOUT_MS = 30_000;

/** Longest silence on a connection in the middle of a request. */
export const SOCKET_TIMEOUT_MS = 60_000;

/** How often Node looks for connections that are over their time. */
export const TIMEOUT_CHECK_INTERVAL_MS = 1_000;

export const MAX_CONNECTIONS = 10_000;
export const MAX_CONNECTIONS_PER_ADDRESS = 200;
export const MAX_REQUESTS_PER_SOCKET = 10_000;

/** Calls from one address, before the body is read. */
export const CALLS_PER_ADDRESS = 2_000;
export const CALLS_PER_ADDRESS_SECONDS = 10;

/** Calls of one account or invitation, once it has proved who it is. */
export const CALLS_PER_CALLER = 300;
export const CALLS_PER_CALLER_SECONDS = 10;

/** Claim codes tried from one address. */
export const CLAIMS_PER_ADDRESS = 60;
export const CLAIMS_PER_ADDRESS_SECONDS = 60;

/** A nonce stays burnt for as long as its time can lie in the window, and some more. */
export const NONCE_LIFE_MS = 2 * REQUEST_WINDOW_MS + 60_000;

/** How long a call waits for a log position that its caller already knows. */
export const LOG_WAIT_MS = 5_000;

/** A call to accounts waits until every server has the account's new token. */
export const ACCOUNTS_TIMEOUT_MS = 15_000;

/** Longest work on one call, with all that it waits for. */
export const CALL_TIMEOUT_MS = 18_000;

/** One answer of GetLog: below the limit of one message. */
export const MAX_LOG_ANSWER_BYTES = 400_000;

/** A TOTP that was begun and never presented is void after this time. */
export const PENDING_FACTOR_LIFE_MS = 15 * 60_000;

/** Presenting again what is to be replaced: no older than this. */
export const FACTOR_REPLACE_AGE_MS = 15 * 60_000;

/** Wrong presentations that cost nothing; each further one doubles the wait. */
export const FREE_FACTOR_FAILURES = 3;
export const FIRST_FACTOR_WAIT_MS = 2_000;
export const MAX_FACTOR_WAIT_MS = 3_600_000;

/** How often a change of a KV entry is tried anew when another gateway was quicker. */
export const MAX_UPDATE_TRIES = 8;

/** A full bucket refuses what is new: calls fail, and nothing that was kept is lost. */
export const MAX_STATE_BUCKET_BYTES = 256 * 1024 * 1024;
export const MAX_NONCE_BUCKET_BYTES = 256 * 1024 * 1024;

/** Orgs whose keys are held open in memory. */
export const MAX_CACHED_ORG_KEYS = 1_000;

/** How long a stopping gateway waits for what NATS still has of it. */
export const DRAIN_TIMEOUT_MS = 2_000;

/** Longest wait for the second in which a token may be issued: longer only where clocks differ. */
export const MAX_ISSUE_WAIT_MS = 4_000;
