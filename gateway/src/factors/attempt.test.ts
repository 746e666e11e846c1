import { parseEpochMs, utf8Bytes } from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FREE_FACTOR_FAILURES, MAX_FACTOR_WAIT_MS, PENDING_FACTOR_LIFE_MS } from "../limits.ts";
import { attemptFactor, failureWaitMs } from "./attempt.ts";
import type { FactorMethod } from "./factor.ts";
import {
  emptyFactorRecord,
  encodeFactorRecord,
  type FactorRecord,
  parseFactorRecord,
} from "./factor-record.ts";

/** Takes exactly the bytes that it keeps. */
const method: FactorMethod = {
  factor: statementsV1.Factor.FACTOR_TOTP,
  name: "echo",
  enrol: () => ({ state: utf8Bytes("x"), provisioning: "" }),
  present: ({ state, proof }) =>
    Buffer.from(state).equals(proof) ? { kind: "accepted", state } : { kind: "wrong" },
};

const now = parseEpochMs(1_000_000_000_000);
const active = utf8Bytes("active");
const pending = utf8Bytes("pending");

function attempt(record: FactorRecord, proof: Uint8Array, at = now) {
  return attemptFactor({ method, record, proof, now: at });
}

describe("an attempt", () => {
  test("the first presentation of what was begun puts it in the place of the old", () => {
    const record = { ...emptyFactorRecord, active, pending: { state: pending, sinceMs: now } };
    const old = attempt(record, active);
    expect(old).toMatchObject({
      kind: "accepted",
      record: { active, pending: { state: pending } },
    });
    expect(attempt(record, pending)).toMatchObject({
      kind: "accepted",
      record: { active: pending, pending: undefined },
    });
  });

  test("what was begun is void after its time, and nothing is absent, not wrong", () => {
    const record = { ...emptyFactorRecord, pending: { state: pending, sinceMs: now } };
    const later = parseEpochMs(now + PENDING_FACTOR_LIFE_MS + 1);
    expect(attempt(record, pending, later)).toEqual({ kind: "absent" });
    expect(attempt(emptyFactorRecord, pending)).toEqual({ kind: "absent" });
  });

  test("wrong ones make the next wait, longer each time; even a right one waits", () => {
    let record: FactorRecord = { ...emptyFactorRecord, active };
    for (let failures = 1; failures <= FREE_FACTOR_FAILURES + 1; failures += 1) {
      const result = attempt(record, utf8Bytes("guess"));
      if (result.kind !== "wrong") throw new Error(`expected a wrong one, got ${result.kind}`);
      record = result.record;
    }
    expect(attempt(record, active)).toEqual({ kind: "wait", waitMs: 2_000 });
    const after = parseEpochMs(now + 2_000);
    expect(attempt(record, utf8Bytes("guess"), after)).toMatchObject({
      kind: "wrong",
      record: { notBeforeMs: after + 4_000 },
    });
    expect(attempt(record, active, after)).toMatchObject({
      kind: "accepted",
      record: { failures: 0, notBeforeMs: 0 },
    });
  });

  test("waits never shrink with failures, and end at an hour", () => {
    const waits = Array.from({ length: 1_000 }, (_, failures) => failureWaitMs(failures));
    expect(waits.every((wait, index) => wait >= (waits[index - 1] ?? 0))).toBe(true);
    expect(waits.at(-1)).toBe(MAX_FACTOR_WAIT_MS);
  });
});

describe("a stored factor", () => {
  test("reads as it was written", () => {
    const state = fc.uint8Array({ minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(
        fc.record({
          active: fc.option(state, { nil: undefined }),
          pending: fc.option(fc.record({ state, sinceMs: fc.maxSafeNat() }), { nil: undefined }),
          failures: fc.nat(1_000),
          notBeforeMs: fc.maxSafeNat(),
        }),
        (record) => {
          expect(parseFactorRecord(encodeFactorRecord(record))).toEqual(record);
        },
      ),
    );
  });

  test("of another shape is refused, never a crash", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          const record = parseFactorRecord(bytes);
          expect(encodeFactorRecord(record).length).toBe(bytes.length);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_STATE_MALFORMED" });
        }
      }),
    );
  });
});
