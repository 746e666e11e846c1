import { expect, test } from "vitest";
import { figureLine, isMet, targetText } from "./figure.ts";

test("a figure is one line of JSON with its keys in this order", () => {
  const line = figureLine("room-publish", { figure: "vs-plain-batch", value: 0.61, unit: "x" });
  expect(line).toBe('{"bench":"room-publish","figure":"vs-plain-batch","value":0.61,"unit":"x"}');
});

test("a value keeps four digits", () => {
  const valueOf = (value: number) => JSON.parse(figureLine("b", { figure: "f", value, unit: "x" }));
  expect(valueOf(17_987.4321)).toMatchObject({ value: 17_990 });
  expect(valueOf(0.123456)).toMatchObject({ value: 0.1235 });
});

test("what was not measured is no figure", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => figureLine("b", { figure: "f", value, unit: "x" })).toThrow("not a number");
  }
});

test("a target is met from its bound on, or below it", () => {
  expect(isMet(0.8, { atLeast: 0.8 })).toBe(true);
  expect(isMet(0.79, { atLeast: 0.8 })).toBe(false);
  expect(isMet(149, { below: 150 })).toBe(true);
  expect(isMet(150, { below: 150 })).toBe(false);
  expect([targetText({ atLeast: 4 }), targetText({ below: 3 })]).toEqual([">= 4", "< 3"]);
});
