import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Change, valueAt, versionAt } from "./history.ts";

describe("history", () => {
  test("shows at each size the last change below it, as a plain search does", () => {
    const positions = fc.uniqueArray(fc.nat(60), { maxLength: 20 });
    fc.assert(
      fc.property(positions, fc.nat(70), (unordered, at) => {
        const history: Change<number>[] = unordered
          .toSorted((left, right) => left - right)
          .map((position) => ({ position, value: position * 10 }));
        const below = history.filter(({ position }) => position < at);
        expect(valueAt(history, at)).toBe(below.at(-1)?.value);
        expect(versionAt(history, at)).toBe(below.length);
      }),
    );
  });

  test("of a fact without changes there is no value, at version 0", () => {
    expect([valueAt(undefined, 9), versionAt(undefined, 9)]).toEqual([undefined, 0]);
  });
});
