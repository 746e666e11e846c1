import { type EpochMs } from "@cloister/base";
import {
  FIRST_FACTOR_WAIT_MS,
  FREE_FACTOR_FAILURES,
  MAX_FACTOR_WAIT_MS,
  PENDING_FACTOR_LIFE_MS,
} from "../limits.ts";
import type { FactorMethod, Presentation } from "./factor.ts";
import type { FactorRecord } from "./factor-record.ts";

export type Attempt =
  | { readonly kind: "accepted" | "wrong"; readonly record: FactorRecord }
  | { readonly kind: "used" | "absent" }
  | { readonly kind: "wait"; readonly waitMs: number };

export interface AttemptInput {
  readonly method: FactorMethod;
  readonly record: FactorRecord;
  readonly proof: Uint8Array;
  readonly now: EpochMs;
}

/**
 * Decides one presentation, without writing: the record that it answers must be stored before the
 * answer counts. A wrong code is a change as well, so that guesses cannot run beside each other.
 */
export function attemptFactor(input: AttemptInput): Attempt {
  const { record, now } = input;
  if (record.notBeforeMs > now) return { kind: "wait", waitMs: record.notBeforeMs - now };
  const pending = livePending(input);
  if (record.active === undefined && pending === undefined) return { kind: "absent" };
  for (const [slot, state] of [
    ["active", record.active],
    ["pending", pending],
  ] as const) {
    if (state === undefined) continue;
    const presentation = input.method.present({ state, proof: input.proof, now });
    if (presentation.kind === "used") return { kind: "used" };
    if (presentation.kind === "accepted") return accepted(record, slot, presentation);
  }
  return { kind: "wrong", record: afterFailure(record, now) };
}

function livePending({ record, now }: AttemptInput): Uint8Array | undefined {
  const { pending } = record;
  if (pending === undefined || now - pending.sinceMs > PENDING_FACTOR_LIFE_MS) return undefined;
  return pending.state;
}

/** The first presentation of what was begun puts it in the place of what was there. */
function accepted(
  record: FactorRecord,
  slot: "active" | "pending",
  presentation: Extract<Presentation, { kind: "accepted" }>,
): Attempt {
  return {
    kind: "accepted",
    record: {
      active: presentation.state,
      pending: slot === "pending" ? undefined : record.pending,
      failures: 0,
      notBeforeMs: 0,
    },
  };
}

function afterFailure(record: FactorRecord, now: EpochMs): FactorRecord {
  const failures = Math.min(record.failures + 1, 1_000);
  return {
    ...record,
    failures,
    notBeforeMs: failureWaitMs(failures) === 0 ? 0 : now + failureWaitMs(failures),
  };
}

/**
 * Nothing for the first few, then doubling up to an hour: at most some 25 guesses a day against
 * three codes of a million.
 */
export function failureWaitMs(failures: number): number {
  if (failures <= FREE_FACTOR_FAILURES) return 0;
  const doublings = Math.min(failures - FREE_FACTOR_FAILURES - 1, 30);
  return Math.min(FIRST_FACTOR_WAIT_MS * 2 ** doublings, MAX_FACTOR_WAIT_MS);
}
