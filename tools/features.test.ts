import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { featureRows, requiredRows } from "./feature-rows.ts";
import { featuresFile, featuresPage, provingFiles, rowsNamedIn } from "./features.ts";

test("rows are read from titles only", () => {
  const row = (number: number): string => `[F${number}]`;
  const source = `test("${row(1)} ${row(22)} a", () => {}); // ${row(3)}
    it.each([1])('${row(4)} b'); const x = "${row(5)}";`;
  expect([...rowsNamedIn(source)]).toEqual([1, 22, 4]);
});

test("every required row is proved by a test", () => {
  const files = provingFiles();
  expect(requiredRows.filter((row) => (files.get(row) ?? []).length === 0)).toEqual([]);
});

test("no test names a row that has no promise", () => {
  const unknown = [...provingFiles().keys()].filter((row) => featureRows[row] === undefined);
  expect(unknown).toEqual([]);
});

test("docs/features.md is what the tests say", () => {
  expect(readFileSync(featuresFile, "utf8")).toBe(featuresPage());
});
