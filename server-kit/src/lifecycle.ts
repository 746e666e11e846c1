import type { Logger } from "./log.ts";

export type LifecycleState = "starting" | "ready" | "stopping" | "stopped";

export interface LifecycleOptions {
  readonly log: Logger;
  /** Longest time for everything to stop; then `run` returns with what is left behind. */
  readonly stopTimeoutMs?: number;
  readonly onReady?: () => void;
  readonly signals?: readonly NodeJS.Signals[];
}

/** What a process holds while it runs. Parts stop in the reverse order of their start. */
export class Lifecycle implements AsyncDisposable {
  readonly #options: LifecycleOptions;
  readonly #parts = new AsyncDisposableStack();
  readonly #stop = new AbortController();
  #state: LifecycleState = "starting";
  #stopped: Promise<void> | undefined;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /** Aborted as soon as the process is told to stop. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Registers a part that was started; what it holds is let go when the process stops. */
  hold<Part extends AsyncDisposable | Disposable>(part: Part): Part {
    return this.#parts.use(part);
  }

  /** Runs `start`, tells that the process is ready, and stays until a signal or `stop`. */
  async run(start: (lifecycle: Lifecycle) => Promise<void>): Promise<void> {
    const { log, signals = ["SIGTERM", "SIGINT"] } = this.#options;
    const onSignal = (signal: NodeJS.Signals) => {
      log.info("told to stop", { signal });
      this.#stop.abort();
    };
    for (const signal of signals) process.on(signal, onSignal);
    try {
      await start(this);
      if (!this.signal.aborted) await this.#stayReady();
    } finally {
      await this.stop();
      for (const signal of signals) process.off(signal, onSignal);
    }
  }

  /** Stops every part once, however often it is called. */
  stop(): Promise<void> {
    this.#stop.abort();
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stayReady(): Promise<void> {
    this.#state = "ready";
    this.#options.log.info("ready");
    this.#options.onReady?.();
    await new Promise<void>((resolve) => {
      this.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  async #stopAll(): Promise<void> {
    const { log, stopTimeoutMs = 20_000 } = this.#options;
    this.#state = "stopping";
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        log.error("some parts did not stop in time", { stopTimeoutMs });
        resolve();
      }, stopTimeoutMs);
    });
    const parts = this.#parts.disposeAsync().catch((error: unknown) => {
      log.error("a part failed to stop", { error });
    });
    await Promise.race([parts, late]);
    clearTimeout(timer);
    this.#state = "stopped";
    log.info("stopped");
  }
}
