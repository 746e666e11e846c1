import { hasErrorCode } from "@cloister/base";
import type { SealedBucket } from "@cloister/server-kit";
import { gatewayErrors } from "../errors.ts";

/** What the gateway needs of a sealed bucket; every failure is one of ours. */
export type StateBucket = Pick<SealedBucket, "get" | "create" | "replace">;

/**
 * Tells the caller of a failed store that it may come again, and nothing of how it failed. A value
 * that does not open was altered in the store: it counts as a fault, never as the caller's.
 */
export function stateBucket(bucket: SealedBucket): StateBucket {
  return {
    get: (key) => told(bucket.get(key)),
    create: (key, value) => told(bucket.create(key, value)),
    replace: (key, change) => told(bucket.replace(key, change)),
  };
}

async function told<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    if (hasErrorCode(cause, "ERR_SEALED_MALFORMED") || hasErrorCode(cause, "ERR_SEALED_FOREIGN")) {
      throw gatewayErrors.ERR_STATE_MALFORMED("a stored value does not open", { cause });
    }
    throw gatewayErrors.ERR_STATE_UNAVAILABLE("the gateway's store does not answer", { cause });
  }
}
