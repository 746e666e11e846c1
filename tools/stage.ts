import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, toolEnv } from "./run.ts";

export interface StageResult {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

export interface Stage {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly timeLimitMs: number;
  /** A runner that counts its tests; any other stage is one test. */
  readonly countsTests?: true;
}

/** Runs one stage to its end or its time limit. */
export async function runStage(stage: Stage): Promise<StageResult> {
  const folder = mkdtempSync(join(tmpdir(), "cloister-stage-"));
  const resultPath = join(folder, "result.json");
  try {
    const isGood = await runCommand(stage, resultPath);
    return stage.countsTests === true
      ? countedResult(stage, isGood, resultPath)
      : { passed: isGood ? 1 : 0, failed: isGood ? [] : [stage.name], skipped: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A runner that fails without naming a test still fails. */
function countedResult(stage: Stage, isGood: boolean, resultPath: string): StageResult {
  const nothing: StageResult = { passed: 0, failed: [], skipped: [] };
  const result: StageResult = existsSync(resultPath)
    ? JSON.parse(readFileSync(resultPath, "utf8"))
    : nothing;
  const isExplained = result.failed.length > 0;
  const hasRun = result.passed > 0;
  if (isExplained || (isGood && hasRun)) return result;
  return { ...result, failed: [`${stage.name} (the runner itself)`] };
}

function runCommand(stage: Stage, resultPath: string): Promise<boolean> {
  const [command, ...args] = stage.command;
  const child = spawn(command, args, {
    cwd: root,
    env: { ...toolEnv, CLOISTER_RESULT: resultPath },
    stdio: ["ignore", "inherit", "inherit"],
    // Its own process group, so that the time limit ends what it started as well.
    detached: true,
  });
  const stop = () => {
    if (child.pid !== undefined) killGroup(child.pid);
  };
  const timer = setTimeout(() => {
    console.log(`${stage.name}: stopped after ${stage.timeLimitMs / 1000} s`);
    stop();
  }, stage.timeLimitMs);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  return new Promise((resolve) => {
    child.once("error", (error) => {
      clearTimeout(timer);
      console.log(`${stage.name}: ${error.message}`);
      resolve(false);
    });
    child.once("exit", (status) => {
      clearTimeout(timer);
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
      resolve(status === 0);
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}
