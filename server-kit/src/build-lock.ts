import { mkdir, rm, stat, utimes } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { kitErrors } from "./errors.ts";

const pollMs = 250;
const heartbeatMs = 5_000;
/** A holder that has not touched its lock for this long is dead. */
const staleMs = 30_000;

export interface BuildLockOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A lock between processes: a directory, whose creation is atomic on every file system, kept fresh
 * while it is held so that the lock of a killed process is taken over.
 */
export async function acquireBuildLock(
  path: string,
  options: BuildLockOptions,
): Promise<AsyncDisposable> {
  const deadline = Date.now() + options.timeoutMs;
  while (!(await tryCreate(path))) {
    if (await isStale(path)) await rm(path, { recursive: true, force: true });
    if (Date.now() > deadline) {
      throw kitErrors.ERR_NATS_BUILD_BUSY("another build of nats-server holds the lock", {
        hint: `if none is running, remove the directory ${path}`,
      });
    }
    await delay(pollMs, undefined, { signal: options.signal });
  }
  const timer = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, heartbeatMs).unref();
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await rm(path, { recursive: true, force: true });
    },
  };
}

async function tryCreate(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > staleMs;
  } catch {
    return false;
  }
}
