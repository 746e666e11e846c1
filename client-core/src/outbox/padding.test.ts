import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lengthClass, MAX_PADDED_BYTES, padBatch, parsePadded } from "./padding.ts";

describe("padding in length classes", () => {
  it.each([
    [1, 256],
    [252, 256],
    [253, 1024],
    [4092, 4096],
    [16_380, 16_384],
    [16_381, 32_768],
    [MAX_PADDED_BYTES - 4, MAX_PADDED_BYTES],
  ])("%i bytes take %i", (bytes, size) => {
    expect(padBatch([new Uint8Array(bytes)])).toHaveLength(size);
  });

  it("comes off as it went on", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 4 }), (parts) => {
        const whole = parts.flatMap((part) => [...part]);
        expect([...parsePadded(padBatch(parts))]).toEqual(whole);
      }),
    );
  });

  it("refuses more than the largest class, another class, and anything hidden behind", () => {
    expect(() => padBatch([new Uint8Array(MAX_PADDED_BYTES)])).toThrow(/400|409600/);
    expect(() => lengthClass(MAX_PADDED_BYTES + 1)).toThrow(/at most/);
    const padded = padBatch([Uint8Array.of(1, 2, 3)]);
    expect(() => parsePadded(Uint8Array.of(...padded, ...new Uint8Array(768)))).toThrow(/padding/);
    const hidden = Uint8Array.from(padded);
    hidden[200] = 1;
    expect(() => parsePadded(hidden)).toThrow(/padding/);
    const long = Uint8Array.from(padded);
    long[0] = 255;
    expect(() => parsePadded(long)).toThrow(/padding/);
    expect(() => parsePadded(new Uint8Array(3))).toThrow(/padding/);
  });
});
