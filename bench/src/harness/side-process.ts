import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Contender, Run } from "./pair.ts";
import type { SideAnswer, SideCall, SideStep } from "./side.ts";

export interface StartSideOptions {
  readonly name: string;
  /** Module that calls `serveSide`. */
  readonly module: URL;
  /** Goes over the pipe between the processes, never over the command line: it may hold seeds. */
  readonly setup: unknown;
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 120_000;

/** A side in a process of its own: its heap, its garbage and its peak of memory are its own. */
export class SideProcess implements Contender, AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #timeoutMs: number;
  #maxRssBytes = 0;

  private constructor(options: StartSideOptions) {
    this.name = options.name;
    this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    this.#child = fork(options.module, [], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
  }

  static async start(options: StartSideOptions): Promise<SideProcess> {
    const side = new SideProcess(options);
    try {
      await side.#call({ kind: "open", setup: options.setup });
      return side;
    } catch (error) {
      await side[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Peak of resident memory up to the last answer. */
  get maxRssBytes(): number {
    return this.#maxRssBytes;
  }

  async prepare(): Promise<void> {
    await this.#call({ kind: "prepare" });
  }

  async run(): Promise<Run> {
    const run = await this.#call({ kind: "run" });
    if (run === undefined) throw new Error(`${this.name} did not run`);
    return run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded()) return;
    const ended = once(this.#child, "exit");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    if (this.#child.connected) this.#child.send({ kind: "close" satisfies SideStep });
    else this.#child.kill("SIGKILL");
    await ended;
    clearTimeout(timer);
  }

  async #call(call: SideCall): Promise<Run | undefined> {
    if (this.#hasEnded()) throw new Error(`${this.name}: its process has ended`);
    const answer = await this.#answerTo(call);
    if (answer.kind === "failed") throw new Error(`${this.name}: ${answer.text}`);
    this.#maxRssBytes = answer.maxRssBytes;
    return answer.run;
  }

  async #answerTo(call: SideCall): Promise<SideAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<SideAnswer>();
    const onExit = () => reject(new Error(`${this.name}: its process ended while it worked`));
    const timer = setTimeout(() => {
      reject(new Error(`${this.name}: no answer to ${call.kind} in ${this.#timeoutMs} ms`));
    }, this.#timeoutMs);
    this.#child.once("message", resolve);
    this.#child.once("exit", onExit);
    this.#child.send(call);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#child.off("message", resolve);
      this.#child.off("exit", onExit);
    }
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}
