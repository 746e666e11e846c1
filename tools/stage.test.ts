import { describe, expect, test, vi } from "vitest";
import { runStage, type Stage } from "./stage.ts";

const second = 1000;
const script = (code: string): [string, ...string[]] => ["node", "-e", code];

describe("a stage of the checks", () => {
  test("passes or fails by its exit status", async () => {
    const good = { name: "good", command: script(""), timeLimitMs: 20 * second };
    expect(await runStage(good)).toEqual({ passed: 1, failed: [], skipped: [] });
    const bad = { name: "bad", command: script("process.exit(3)"), timeLimitMs: 20 * second };
    expect(await runStage(bad)).toEqual({ passed: 0, failed: ["bad"], skipped: [] });
    const absent: Stage = { name: "absent", command: ["no-such-tool"], timeLimitMs: second };
    vi.spyOn(console, "log").mockReturnValue();
    expect(await runStage(absent)).toMatchObject({ passed: 0 });
  });

  test("what hangs is ended at its limit, with what it started", async () => {
    vi.spyOn(console, "log").mockReturnValue();
    const code = `require("child_process").spawnSync("sleep", ["60"])`;
    const started = performance.now();
    const result = await runStage({ name: "hangs", command: script(code), timeLimitMs: second });
    expect(result.failed).toEqual(["hangs"]);
    expect(performance.now() - started).toBeLessThan(20 * second);
  });

  test("a runner that ran nothing, or died before it told, fails", async () => {
    const silent = { name: "silent", timeLimitMs: 20 * second, countsTests: true } as const;
    const write = (json: string) =>
      script(`require("fs").writeFileSync(process.env.CLOISTER_RESULT, '${json}')`);
    const nothing = `{"passed":0,"failed":[],"skipped":[]}`;
    for (const command of [script(""), script("process.exit(1)"), write(nothing)]) {
      expect((await runStage({ ...silent, command })).failed).toEqual([
        "silent (the runner itself)",
      ]);
    }
    const some = write(`{"passed":2,"failed":["x"],"skipped":["y"]}`);
    expect(await runStage({ ...silent, command: some })).toEqual({
      passed: 2,
      failed: ["x"],
      skipped: ["y"],
    });
  });
});
