import type { StageResult } from "./stage.ts";

/** One name a line; `#` begins the reason. */
export function parseSkipAllowList(text: string): ReadonlySet<string> {
  const lines = text.split("\n").map((line) => line.replace(/\s*#.*$/, "").trim());
  return new Set(lines.filter((line) => line !== ""));
}

/** Adds up the stages. A skipped test that nobody allowed is a failed one. */
export function total(results: readonly StageResult[], allowed: ReadonlySet<string>): StageResult {
  const skipped = results.flatMap((result) => result.skipped);
  const refused = skipped.filter((name) => !allowed.has(name));
  return {
    passed: results.reduce((sum, { passed }) => sum + passed, 0),
    failed: [
      ...results.flatMap(({ failed }) => failed),
      ...refused.map((name) => `${name} (skipped, and not in .ci/skips.allow)`),
    ],
    skipped: skipped.filter((name) => allowed.has(name)),
  };
}

/** The last line of every run: machines read it. */
export function closingLine({ passed, failed, skipped }: StageResult): string {
  const tail = skipped.length === 0 ? "" : `, ${skipped.length} skipped`;
  return `${passed} passed, ${failed.length} failed${tail}`;
}
