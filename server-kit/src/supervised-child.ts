import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { kitErrors } from "./errors.ts";
import { sha256OfFile } from "./file-hash.ts";
import { endRemembered, rememberProcess } from "./orphan.ts";

export type ChildState =
  | { readonly kind: "stopped" }
  | { readonly kind: "starting"; readonly attempt: number }
  | { readonly kind: "running"; readonly pid: number; readonly restarts: number }
  | { readonly kind: "waiting"; readonly delayMs: number; readonly attempt: number }
  | { readonly kind: "failed"; readonly error: Error };

export interface SupervisedChildOptions {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment of the child; secrets go here, never into `args`. */
  readonly environment: Readonly<Record<string, string>>;
  /** SHA-256 of the program in hex, compared before each start; unneeded for one's own program. */
  readonly sha256?: string;
  /** Says which process runs, for who supervises next: it ends what a killed supervisor left. */
  readonly pidFile?: string;
  /** Gets what the child writes; made with mode 0600. */
  readonly logFile: string;
  /** Resolves when the child serves; rejects or is aborted when it does not. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  readonly readyTimeoutMs?: number;
  /** After this long without an end the child is killed. */
  readonly stopTimeoutMs?: number;
  readonly firstDelayMs?: number;
  readonly maxDelayMs?: number;
  readonly onState?: (state: ChildState) => void;
}

/** A run this long counts as healthy: the next failure starts from the first delay again. */
const healthyMs = 60_000;

/** A child process that is started again, with growing jittered delays, until it is stopped. */
export class SupervisedChild implements AsyncDisposable {
  readonly #options: SupervisedChildOptions;
  readonly #stopping = new AbortController();
  #state: ChildState = { kind: "stopped" };
  #child: ChildProcess | undefined;
  #loop: Promise<void> | undefined;
  #restarts = 0;

  constructor(options: SupervisedChildOptions) {
    this.#options = options;
  }

  get state(): ChildState {
    return this.#state;
  }

  /** Resolves once the child serves; rejects if its first start fails. Later ends are repaired. */
  async start(): Promise<void> {
    if (this.#loop !== undefined) return;
    const first = await this.#launch(0);
    this.#loop = this.#supervise(first);
  }

  /** SIGTERM, then SIGKILL after the time to stop. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#end();
    await this.#loop;
    this.#enter({ kind: "stopped" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #supervise(first: ChildProcess): Promise<void> {
    let child: ChildProcess | undefined = first;
    let attempt = 0;
    while (!this.#stopping.signal.aborted) {
      const startedMs = Date.now();
      if (child !== undefined) await endOf(child);
      if (this.#stopping.signal.aborted) return;
      attempt = Date.now() - startedMs >= healthyMs ? 1 : attempt + 1;
      await this.#wait(attempt);
      if (this.#stopping.signal.aborted) return;
      this.#restarts += 1;
      child = await this.#relaunch(attempt);
      if (this.#state.kind === "failed") return;
    }
  }

  /** A changed binary is never run; any other failure is one more attempt. */
  async #relaunch(attempt: number): Promise<ChildProcess | undefined> {
    try {
      return await this.#launch(attempt);
    } catch (error) {
      const failure = error instanceof Error ? error : kitErrors.ERR_CHILD_START("no start");
      if (isHashError(failure)) this.#enter({ kind: "failed", error: failure });
      return undefined;
    }
  }

  async #launch(attempt: number): Promise<ChildProcess> {
    this.#enter({ kind: "starting", attempt });
    const { name, program, args, environment, sha256, logFile, pidFile } = this.#options;
    if (sha256 !== undefined && (await sha256OfFile(program)) !== sha256) {
      throw kitErrors.ERR_BINARY_HASH(`the program of ${name} is not the one that was verified`);
    }
    if (pidFile !== undefined) await endRemembered(pidFile);
    if (this.#stopping.signal.aborted) throw kitErrors.ERR_CHILD_START(`${name} is being stopped`);
    const log = openSync(logFile, "a", 0o600);
    const child = spawn(program, args, {
      env: environment,
      // Never written to: its end tells the child that we are gone.
      stdio: ["pipe", log, log],
      // A group of its own: a terminal's Ctrl-C reaches us, and we stop the child in order.
      detached: true,
    });
    closeSync(log);
    child.stdin?.on("error", () => undefined);
    this.#child = child;
    if (pidFile !== undefined && child.pid !== undefined) await rememberProcess(pidFile, child.pid);
    await this.#untilReady(child);
    this.#enter({ kind: "running", pid: child.pid ?? 0, restarts: this.#restarts });
    return child;
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const { name, logFile, ready, readyTimeoutMs = 30_000 } = this.#options;
    const giveUp = new AbortController();
    const hint = `read ${logFile}`;
    const ended = endOf(child).then(() => {
      throw kitErrors.ERR_CHILD_START(`${name} ended before it served`, { hint });
    });
    const late = delay(readyTimeoutMs, undefined, { signal: giveUp.signal }).then(() => {
      throw kitErrors.ERR_NOT_READY(`${name} did not serve in time`, { hint });
    });
    ended.catch(() => undefined);
    late.catch(() => undefined);
    try {
      const signal = AbortSignal.any([giveUp.signal, this.#stopping.signal]);
      await Promise.race([ready(signal), ended, late]);
    } catch (error) {
      await this.#end();
      throw error;
    } finally {
      giveUp.abort();
    }
  }

  async #wait(attempt: number): Promise<void> {
    const { firstDelayMs = 200, maxDelayMs = 30_000 } = this.#options;
    const ceiling = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1));
    const delayMs = Math.round(ceiling * (0.5 + Math.random() / 2));
    this.#enter({ kind: "waiting", delayMs, attempt });
    await delay(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child === undefined || hasEnded(child)) return;
    const killer = setTimeout(() => child.kill("SIGKILL"), this.#options.stopTimeoutMs ?? 10_000);
    child.kill("SIGTERM");
    await endOf(child);
    clearTimeout(killer);
  }

  #enter(state: ChildState): void {
    this.#state = state;
    this.#options.onState?.(state);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function endOf(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  await new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}

function isHashError(error: Error): boolean {
  return "code" in error && error.code === "ERR_BINARY_HASH";
}
