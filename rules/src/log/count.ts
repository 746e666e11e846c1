import { rulesErrors } from "../errors.ts";

/** A size, position, index or epoch of the wire as a number; beyond 2^53 - 1 nothing is genuine. */
export function parseCount(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw rulesErrors.ERR_VERIFICATION_LOG_POSITION("a number out of range");
  }
  return Number(value);
}
