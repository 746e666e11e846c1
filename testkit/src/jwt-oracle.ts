import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runGoBuild } from "@cloister/server-kit";

/** What NATS's own Go library says of a token. */
export interface OracleAnswer {
  readonly error?: string;
  readonly issues: readonly string[];
  readonly expired: boolean;
  readonly type?: string;
  readonly claims?: Record<string, unknown>;
  readonly issued?: {
    readonly operator: string;
    readonly operatorRoot: string;
    readonly account: string;
    readonly user: string;
    readonly expired: string;
  };
}

const moduleDir = fileURLToPath(new URL("../oracle", import.meta.url));

/** The reference implementation as a child process: one JSON line in, one out. */
export class JwtOracle implements AsyncDisposable {
  readonly #dir: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  private constructor(dir: string, child: ChildProcessWithoutNullStreams) {
    this.#dir = dir;
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(): Promise<JwtOracle> {
    const dir = await mkdtemp(join(tmpdir(), "cloister-oracle-"));
    const output = join(dir, "oracle");
    await runGoBuild({ moduleDir, package: ".", output, timeoutMs: 300_000 });
    return new JwtOracle(dir, spawn(output, { stdio: "pipe" }));
  }

  inspect(token: string): Promise<OracleAnswer> {
    return this.#ask({ do: "inspect", token });
  }

  issue(): Promise<OracleAnswer> {
    return this.#ask({ do: "issue" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.stdin.end();
    await ended;
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #ask(request: object): Promise<OracleAnswer> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value } = await this.#answers.next();
    return JSON.parse(String(value)) as OracleAnswer;
  }
}
