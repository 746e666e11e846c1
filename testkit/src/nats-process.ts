import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { waitForNats } from "@cloister/server-kit";

export interface NatsProcessOptions {
  readonly binary: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
}

const startTimeoutMs = 30_000;

/** A nats-server that a test starts, kills and starts again. */
export class NatsProcess implements AsyncDisposable {
  readonly #options: NatsProcessOptions;
  #child: ChildProcess | undefined;

  constructor(options: NatsProcessOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const { binary, configFile, logFile, port, environment } = this.#options;
    const log = openSync(logFile, "a", 0o600);
    const child = spawn(binary, ["--config", configFile], {
      env: environment,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.#child = child;
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), startTimeoutMs);
    child.once("exit", () => giveUp.abort());
    try {
      await waitForNats({ host: "127.0.0.1", port }, giveUp.signal);
    } catch {
      throw new Error(`nats-server did not start:\n${await readFile(logFile, "utf8")}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** SIGKILL: nothing is flushed, as when the machine loses power. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }
}
