const day = 24 * 60 * 60 * 1000;

/** 256 bits, so that a code cannot be guessed and its hash needs no salt. */
export const CLAIM_SECRET_BYTES = 32;
export const CLAIM_LIFETIME_MS = 30 * day;

/** Claims that wait in the state directory; more are not read. */
export const MAX_WAITING_CLAIMS = 10_000;

/** How long a service's NATS credentials live, and from when on they are renewed. */
export const SERVICE_JWT_SECONDS = 365 * 24 * 60 * 60;
export const SERVICE_JWT_RENEW_SECONDS = SERVICE_JWT_SECONDS / 2;

/** How often a lost compare-and-set of the log is tried anew within one call. */
export const MAX_APPEND_ATTEMPTS = 60;

/** Records read from the stream in one request. */
export const LOG_READ_BATCH = 256;

export const CALL_TIMEOUT_MS = 10_000;
export const PUBLISH_TIMEOUT_MS = 5_000;
export const CONFIRM_TIMEOUT_MS = 3_000;

/** A full look at every org: at the start and from time to time, with jitter. */
export const RECONCILE_INTERVAL_MS = 30_000;
export const RECONCILE_JITTER_MS = 10_000;

const gibibyte = 1024 ** 3;

/**
 * JetStream space of each account, and of the streams and buckets that accounts makes itself.
 * nats-server reserves what a token grants and gives an account that exceeds the rest no JetStream
 * at all: services and three orgs fit the 64 GiB of a box.
 */
export const DEFAULT_STORAGE = {
  accountsBytes: 5 * gibibyte,
  gatewayBytes: 2 * gibibyte,
  deliveryBytes: 8 * gibibyte,
  orgBytes: 12 * gibibyte,
  logBytes: 4 * gibibyte,
  bucketBytes: gibibyte,
} as const;

export const ORG_STREAMS = 2;
export const ORG_CONSUMERS = 100_000;
export const ORG_CONNECTIONS = 10_000;
export const SERVICE_STREAMS = 32;
export const SERVICE_CONSUMERS = 10_000;

/** How often a lost compare-and-set of a record is tried anew within one call. */
export const MAX_STATE_ATTEMPTS = 20;
