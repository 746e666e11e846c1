import { kitErrors } from "./errors.ts";
import { ProgramFailed, runProgram } from "./run-program.ts";

export interface GoBuildOptions {
  readonly moduleDir: string;
  readonly package: string;
  readonly output: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** Builds one program from pinned sources: go.sum is checked and never changed. */
export async function runGoBuild(options: GoBuildOptions): Promise<void> {
  const flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"];
  try {
    await runProgram("go", ["build", ...flags, "-o", options.output, options.package], {
      cwd: options.moduleDir,
      environment: { ...process.env, CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "" },
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      onLine: options.onProgress,
    });
  } catch (cause) {
    if (!(cause instanceof ProgramFailed)) throw cause;
    throw buildError(cause);
  }
}

/** The Go tool has no codes of its own, so this is the one place that reads its words. */
function buildError(cause: ProgramFailed): Error {
  const lastLine = cause.output.trim().split("\n").at(-1) ?? "";
  if (cause.output.includes("no space left on device")) {
    return kitErrors.ERR_NO_SPACE("no space left while building a Go program", { cause });
  }
  if (/requires go >=|toolchain not available/.test(cause.output)) {
    return kitErrors.ERR_GO_TOO_OLD(lastLine, {
      cause,
      hint: "install the Go version that the line names, from https://go.dev/dl",
    });
  }
  return kitErrors.ERR_NATS_BUILD(`go build failed: ${lastLine}`, { cause });
}
