/** Key packages of one device that may wait. */
export const MAX_KEY_PACKAGES_PER_DEVICE = 100;

/** Bytes of GroupInfo, tree and records in one answer: below `max_payload` with room for framing. */
export const MAX_ANSWER_BYTES = 500_000;

/** A stored value is cut into parts of this size. */
export const PART_BYTES = 480_000;
/** Longest stored value: 16 parts. */
export const MAX_PARTS = 16;

/** Rooms whose public state is held in memory; the others are read again when needed. */
export const MAX_CACHED_ROOMS = 64;

/** A room's state is stored after this many handshakes, so at most as many are replayed. */
export const HANDSHAKES_PER_SNAPSHOT = 16;

/** Handshakes of one epoch that are kept beside each other while their validity is disputed. */
export const MAX_CANDIDATES = 4;

/** How long a call waits for the relay's copy of the log to reach what the caller has seen. */
export const LOG_WAIT_MS = 2_000;

/** A device's calls: as many at once, and then so many a second. */
export const CALLS_BURST = 400;
export const CALLS_PER_SECOND = 50;
/** Devices whose call counts are remembered. */
export const MAX_COUNTED_DEVICES = 50_000;

/** Time for one request to the store. */
export const STORE_TIMEOUT_MS = 5_000;
/** A call takes at most so long; its caller waits a little longer. */
export const CALL_TIMEOUT_MS = 20_000;

/** A device that is away for longer than this must open its inbox anew. */
export const INBOX_INACTIVE_MS = 30 * 24 * 3_600_000;
export const INBOX_ACK_WAIT_MS = 60_000;
export const INBOX_MAX_ACK_PENDING = 4_096;
/** Pull requests of one device that may wait at once. */
export const INBOX_MAX_WAITING = 16;

/** Space that an append wants free in the org's stream, so that its fence finds room. */
export const FENCE_RESERVE_BYTES = 65_536;

/** A claimed key package's mark is kept this long: the same package is refused until then. */
export const CLAIM_MARK_AGE_MS = 90 * 24 * 3_600_000;

/** What a device knows of the log, a relay knows at most this much later. */
export const LOG_GRACE_MS = 300;

/** How long a call waits for the connection to an org that has just been founded. */
export const ORG_WAIT_MS = 5_000;

/** Calls of one device that are worked on at the same time. */
export const CALLS_IN_FLIGHT_PER_DEVICE = 32;

/** A start gives up if the logs cannot be read for so long. */
export const LOG_READY_MS = 60_000;
