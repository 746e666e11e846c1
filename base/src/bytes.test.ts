import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes, concatBytes, equalBytes, uint64Bytes } from "./bytes.ts";

describe("bytes", () => {
  test("equal means same length and same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (left, right) => {
        expect(equalBytes(left, Uint8Array.from(left))).toBe(true);
        expect(equalBytes(left, right)).toBe(compareBytes(left, right) === 0);
        expect(equalBytes(left, concatBytes(left, Uint8Array.of(0)))).toBe(false);
      }),
    );
  });

  test("one flipped bit anywhere is seen", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), fc.nat(7), (bytes, at, bit) => {
        const index = at % bytes.length;
        const other = bytes.map((byte, i) => (i === index ? byte ^ (1 << bit) : byte));
        expect(equalBytes(bytes, other)).toBe(false);
      }),
    );
  });

  test("order is lexicographic", () => {
    expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(-1);
    expect(compareBytes(Uint8Array.of(2), Uint8Array.of(1, 9))).toBe(1);
  });

  test("64-bit numbers are big-endian", () => {
    expect(uint64Bytes(2 ** 53 - 1)).toEqual(Uint8Array.of(0, 31, 255, 255, 255, 255, 255, 255));
  });
});
