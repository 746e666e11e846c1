import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { featureRows } from "./feature-rows.ts";
import { root } from "./run.ts";

export const featuresFile: string = join(root, "docs/features.md");

/** Files whose test titles name the row. */
export function provingFiles(): ReadonlyMap<number, readonly string[]> {
  const found = new Map<number, string[]>();
  const files = globSync("**/*.test.ts", { cwd: root, exclude: ["**/node_modules/**"] });
  for (const file of files.toSorted()) {
    for (const row of rowsNamedIn(readFileSync(join(root, file), "utf8"))) {
      found.set(row, [...(found.get(row) ?? []), file]);
    }
  }
  return found;
}

/** `test("… [F45] [F46] …")`, also in `describe` and `it`, with any quotes. */
export function rowsNamedIn(source: string): ReadonlySet<number> {
  const titles = source.matchAll(/\b(?:test|it|describe)\b[^"'`]*(["'`])((?:(?!\1).)*)\1/g);
  const rows = [...titles].flatMap(([, , title = ""]) => [...title.matchAll(/\[F(\d+)\]/g)]);
  return new Set(rows.map(([, row]) => Number(row)));
}

export function featuresPage(): string {
  const files = provingFiles();
  const lines = Object.entries(featureRows).map(([row, promise]) => {
    const tests = (files.get(Number(row)) ?? []).map((file) => `\`${file}\``).join(", ");
    return `| ${row} | ${promise} | ${tests} |`;
  });
  return [
    "# Promises and their tests",
    "",
    "Made by `npm run features` from the titles of the tests: `[F45]` in a title says that the test proves row 45.",
    "",
    "| row | promise | tests |",
    "| --- | --- | --- |",
    ...lines,
    "",
  ].join("\n");
}

if (import.meta.main) writeFileSync(featuresFile, featuresPage());
