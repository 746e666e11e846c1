import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type Io, run } from "../../src/index.ts";

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly profile?: string;
  readonly stdin?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  /** Stderr as a terminal's; told whatever is drawn on it. */
  readonly onTerminal?: (text: string) => void;
}

const wrapper = fileURLToPath(new URL("../../../cloister", import.meta.url));

/** A box made and started by the command line, and the homes of its people. */
export class TestBox implements AsyncDisposable {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  #claim = "";

  private constructor(folder: string) {
    this.folder = folder;
    this.environment = {
      CLOISTER_HOME: join(folder, "people"),
      CLOISTER_SERVER_HOME: join(folder, "box"),
      CLOISTER_PASSPHRASE_FILE: join(folder, "passphrase"),
    };
  }

  static async start(): Promise<TestBox> {
    const box = new TestBox(await mkdtemp(join(tmpdir(), "cloister-cli-")));
    await writeFile(box.path("passphrase"), "correct horse battery staple\n", { mode: 0o600 });
    const made = await box.json(["server", "init"]);
    box.#claim = String(made["claim"]);
    await box.ok(["server", "start"]);
    return box;
  }

  get claim(): string {
    return this.#claim;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** In this process. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const [out, err] = [collect(), collect(options.onTerminal)];
    const code = await run(profiled(args, options), {
      stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
      stdout: out.stream,
      stderr: err.stream,
      environment: { ...this.environment, ...options.environment },
      signal: options.signal ?? new AbortController().signal,
    } satisfies Io);
    return { code, out: out.text(), err: err.text() };
  }

  /** What it printed; throws where it did not end with 0. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, out, err } = await this.run(args, options);
    if (code !== 0) throw new Error(`cloister ${args[0]} ${args[1]} ended with ${code}: ${err}`);
    return out;
  }

  async json(args: readonly string[], options: RunOptions = {}): Promise<Record<string, unknown>> {
    const lines = (await this.ok([...args, "--json"], options)).split("\n");
    if (lines.length !== 2 || lines[1] !== "")
      throw new Error(`${lines.length - 1} lines, not one`);
    return JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  }

  /** As a process of its own, by the wrapper of the checkout. */
  spawn(args: readonly string[], options: RunOptions = {}): ChildProcess {
    return spawn(wrapper, profiled(args, options), {
      env: { ...process.env, ...this.environment, ...options.environment },
      stdio: ["pipe", "pipe", "pipe", "pipe"],
    });
  }

  /** Alice founds Acme with a project and the rooms. */
  async found(...rooms: readonly string[]): Promise<void> {
    const alice = { profile: "alice" };
    await this.ok(["org", "create", "Acme", "--as", "Alice", "--claim", "-"], {
      ...alice,
      stdin: `${this.#claim}\n`,
    });
    await this.ok(["project", "create", "Newsdesk"], alice);
    for (const room of rooms) {
      await this.ok(["room", "create", room, "--project", "Newsdesk"], alice);
    }
  }

  /** Alice invites, the person joins under a profile of that name. */
  async bring(name: string, ...rooms: readonly string[]): Promise<void> {
    const wanted = rooms.flatMap((room) => ["--room", room]);
    const { invitation } = await this.json(["invite", ...wanted], { profile: "alice" });
    await this.ok(["join", "-", "--as", name], {
      profile: name.toLowerCase(),
      stdin: String(invitation),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run(["server", "stop"]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

function profiled(args: readonly string[], { profile }: RunOptions): string[] {
  return [...(profile === undefined ? [] : ["--profile", profile]), ...args];
}

function collect(onTerminal?: (text: string) => void): {
  readonly stream: Writable & { readonly isTTY: boolean };
  text(): string;
} {
  let text = "";
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString("utf8");
      onTerminal?.(chunk.toString("utf8"));
      done();
    },
  });
  return {
    stream: Object.assign(stream, { isTTY: onTerminal !== undefined }),
    text: () => text,
  };
}
