import { baseErrors } from "./base-errors.ts";

declare const epochMsBrand: unique symbol;

/** Milliseconds since 1970-01-01 UTC, a whole number from 0 to 2^53 - 1. */
export type EpochMs = number & { readonly [epochMsBrand]: true };

/** Port: pure code never reads a clock of its own. */
export interface Clock {
  now(): EpochMs;
}

export function parseEpochMs(value: number | bigint): EpochMs {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw baseErrors.ERR_TIME_MALFORMED("not a time in milliseconds since 1970");
  }
  return number as EpochMs;
}

export function addMs(time: EpochMs, durationMs: number): EpochMs {
  return parseEpochMs(time + durationMs);
}
