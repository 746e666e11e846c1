import { spawn } from "node:child_process";

export interface RunProgramOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly onLine?: ((line: string) => void) | undefined;
}

const maxOutputChars = 65_536;

/** What a program wrote, whichever way it ended. */
export class ProgramFailed extends Error {
  override readonly name = "ProgramFailed";
  readonly exitCode: number | null;
  readonly output: string;

  constructor(program: string, exitCode: number | null, output: string) {
    super(`${program} ended with ${exitCode ?? "a signal"}`);
    this.exitCode = exitCode;
    this.output = output;
  }
}

/** Runs a program without a shell and resolves with its standard output; rejects on failure. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunProgramOptions,
): Promise<string> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.environment ?? process.env,
    signal: options.signal,
    timeout: options.timeoutMs,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout = (output.stdout + text).slice(0, maxOutputChars);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr = (output.stderr + text).slice(-maxOutputChars);
    for (const line of text.split("\n")) if (line !== "") options.onLine?.(line);
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (exitCode !== 0) throw new ProgramFailed(program, exitCode, output.stderr);
  return output.stdout;
}
