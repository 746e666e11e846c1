import { describe, expect, test } from "vitest";
import { createSha256, sha256 } from "./hash.ts";
import { formatHex } from "./radix.ts";
import { utf8Bytes } from "./text.ts";
import { addMs, parseEpochMs } from "./time.ts";

describe("SHA-256 and time", () => {
  test("FIPS 180-2 vector, whole and in parts", () => {
    const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(formatHex(sha256(utf8Bytes("abc")))).toBe(expected);
    const stream = createSha256();
    stream.update(utf8Bytes("a"));
    stream.update(utf8Bytes("bc"));
    expect(formatHex(stream.digest())).toBe(expected);
  });

  test("times are whole, not negative and exact", () => {
    expect(addMs(parseEpochMs(1n), 2)).toBe(3);
    for (const value of [-1, 0.5, Number.NaN, 2 ** 53, 2n ** 60n]) {
      expect(() => parseEpochMs(value)).toThrow(/milliseconds/);
    }
  });
});
