import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Reporter, TestCase, TestModule } from "vitest/node";
import type { StageResult } from "./stage.ts";

/** Writes what a vitest run found to the file that CLOISTER_RESULT names, for the closing line. */
export default class ResultReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const path = process.env["CLOISTER_RESULT"];
    if (path === undefined) return;
    const cases = modules.flatMap((module) => [...module.children.allTests()]);
    const brokenModules = modules.filter((module) => module.errors().length > 0);
    const result: StageResult = {
      passed: cases.filter((test) => test.result().state === "passed").length,
      failed: [
        ...cases.filter((test) => isFailure(test)).map(nameOf),
        ...brokenModules.map(({ relativeModuleId }) => `${relativeModuleId} (not loaded)`),
        ...unhandledErrors.map((_, index) => `unhandled error ${index + 1}`),
      ],
      skipped: cases.filter((test) => test.result().state === "skipped").map(nameOf),
    };
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(result));
  }
}

/** A test that never finished counts as failed. */
function isFailure(test: TestCase): boolean {
  const { state } = test.result();
  return state === "failed" || state === "pending";
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}
