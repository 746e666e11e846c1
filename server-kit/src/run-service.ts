import { fstatSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { exitCodeOf, isCloisterError } from "@cloister/base";
import { Lifecycle } from "./lifecycle.ts";
import { createLogger, type Logger } from "./log.ts";

/** What a failed start has left open keeps no process that serves nobody. */
const lingerMs = 1_000;

/** A role that runs: ready once it serves, ended by disposing it. */
export interface RunningService extends AsyncDisposable {
  readonly ready: Promise<void>;
}

export interface ServiceProcess {
  readonly name: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly start: (log: Logger) => Promise<RunningService>;
}

/**
 * The whole of a role's `main.ts`: starts it, stays until a signal, stops it in order. Its log goes
 * to stderr. Where `CLOISTER_READY_FILE` names a file, the process writes its id into it once it
 * serves, and removes it when it stops: that is what whoever started it waits for. If whoever it was
 * holds a pipe to its input, the pipe's end stops the process too: no role outlives its supervisor.
 */
export async function runService(service: ServiceProcess): Promise<void> {
  const log = createLogger({
    component: service.name,
    write: (line) => process.stderr.write(line),
  });
  const readyFile = service.environment["CLOISTER_READY_FILE"];
  const lifecycle = new Lifecycle({ log });
  try {
    if (readyFile !== undefined) onEndOfInput(() => void lifecycle.stop());
    await lifecycle.run(async () => {
      const running = lifecycle.hold(await service.start(log));
      await running.ready;
      if (readyFile !== undefined) await tellReady(readyFile);
    });
  } catch (error) {
    log.error("failed", { error });
    process.exitCode = exitCodeOf(isCloisterError(error) ? error.kind : "Internal");
  } finally {
    if (readyFile !== undefined) await rm(readyFile, { force: true });
    setTimeout(() => process.exit(), lingerMs).unref();
  }
}

/** Only of a pipe or socket: the null device is at its end from the beginning. */
function onEndOfInput(stop: () => void): void {
  const input = fstatSync(0);
  if (!input.isFIFO() && !input.isSocket()) return;
  process.stdin.once("end", stop).once("close", stop).once("error", stop).resume();
  // It keeps no process alive by itself.
  if ("unref" in process.stdin) process.stdin.unref();
}

async function tellReady(path: string): Promise<void> {
  await writeFile(`${path}.new`, `${process.pid}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
