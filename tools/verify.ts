// Every check, one after the other; `node tools/verify.ts [stage…]`. The last line is the count.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { closingLine, parseSkipAllowList, total } from "./closing.ts";
import { root } from "./run.ts";
import { runStage, type Stage, type StageResult } from "./stage.ts";

const minutes = 60_000;
const reporters = ["--reporter=default", "--reporter=./tools/result-reporter.ts"];

const stages: readonly Stage[] = [
  { name: "format", command: ["biome", "check"], timeLimitMs: 2 * minutes },
  { name: "lint", command: ["oxlint"], timeLimitMs: 5 * minutes },
  { name: "types", command: ["tsc", "-b"], timeLimitMs: 10 * minutes },
  { name: "unused", command: ["knip", "--no-config-hints"], timeLimitMs: 5 * minutes },
  { name: "contract lint", command: ["buf", "lint"], timeLimitMs: 2 * minutes },
  { name: "contract breaking", command: ["node", "tools/breaking.ts"], timeLimitMs: 2 * minutes },
  {
    name: "unit",
    command: ["vitest", "run", "--project=unit", ...reporters],
    timeLimitMs: 10 * minutes,
    countsTests: true,
  },
  { name: "engine", command: ["node", "crates/group-engine/check.ts"], timeLimitMs: 20 * minutes },
  { name: "servers", command: ["node", "tools/build-servers.ts"], timeLimitMs: 20 * minutes },
  {
    name: "integration",
    command: ["vitest", "run", "--project=integration", ...reporters],
    timeLimitMs: 30 * minutes,
    countsTests: true,
  },
];

async function runAll(chosen: readonly Stage[]): Promise<StageResult[]> {
  const results: StageResult[] = [];
  for (const stage of chosen) {
    const started = performance.now();
    console.log(`\n== ${stage.name}`);
    const result = await runStage(stage);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`== ${stage.name}: ${result.failed.length === 0 ? "ok" : "FAILED"} (${seconds} s)`);
    results.push(result);
  }
  return results;
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !stages.some((stage) => stage.name === name));
if (unknown.length > 0) throw new Error(`no such stage: ${unknown.join(", ")}`);
const chosen = stages.filter(({ name }) => names.length === 0 || names.includes(name));
const allowed = parseSkipAllowList(readFileSync(join(root, ".ci", "skips.allow"), "utf8"));
const result = total(await runAll(chosen), allowed);
console.log("");
for (const name of result.failed) console.log(`failed: ${name}`);
for (const name of result.skipped) console.log(`skipped: ${name}`);
console.log(closingLine(result));
process.exitCode = result.failed.length === 0 ? 0 : 1;
