import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const rows = readFileSync(`${root}docs/refusals.md`, "utf8")
  .split("\n")
  .map((line) =>
    /^\| (?<promise>.+?) \| `(?<file>[^`]+)` \| (?<title>.+?) \|$/.exec(
      line.replaceAll(/ {2,}/g, " "),
    ),
  )
  .flatMap((match) => (match?.groups === undefined ? [] : [match.groups]));

test("the table of refusals holds every line of the promise", () => {
  expect(rows.length).toBeGreaterThan(50);
});

test.each(rows)("$promise: its test exists", ({ file = "", title = "" }) => {
  expect(existsSync(root + file), file).toBe(true);
  expect(readFileSync(root + file, "utf8")).toContain(title.replaceAll("\\|", "|"));
});
