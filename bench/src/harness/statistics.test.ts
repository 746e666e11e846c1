import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { median, spread } from "./statistics.ts";

describe("median", () => {
  test("is the middle of five, whatever their order", () => {
    expect(median([9, 1, 5, 100, 2])).toBe(5);
  });

  test("is the mean of the two in the middle", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test("of nothing is refused", () => {
    expect(() => median([])).toThrow("no values");
  });

  test("sorts by number, not by text, and leaves its input as it was", () => {
    const values = [10, 9, 100];
    expect(median(values)).toBe(10);
    expect(values).toEqual([10, 9, 100]);
  });

  test("has as many values on either side", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(below).toBeLessThanOrEqual(values.length / 2);
        expect(above).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});

test("spread is the distance of the extremes as a share of the median", () => {
  expect(spread([90, 110, 100])).toBeCloseTo(0.2);
  expect(spread([7, 7, 7])).toBe(0);
});
