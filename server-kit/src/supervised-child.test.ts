import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256OfFile } from "./file-hash.ts";
import {
  type ChildState,
  SupervisedChild,
  type SupervisedChildOptions,
} from "./supervised-child.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "cloister-child-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function program(lines: string): Promise<{ path: string; sha256: string }> {
  const path = join(dir, "program");
  await writeFile(path, `#!/bin/sh\n${lines}\n`, { mode: 0o700 });
  return { path, sha256: await sha256OfFile(path) };
}

async function child(lines: string, extra: Partial<SupervisedChildOptions> = {}) {
  const { path, sha256 } = await program(lines);
  const states: ChildState[] = [];
  const supervised = new SupervisedChild({
    name: "test",
    program: path,
    args: [],
    sha256,
    environment: { A_SECRET: "hush" },
    logFile: join(dir, "log"),
    firstDelayMs: 10,
    maxDelayMs: 40,
    stopTimeoutMs: 300,
    ready: async () => undefined,
    onState: (state) => states.push(state),
    ...extra,
  });
  return { supervised, states, path };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("waited too long");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const running = (states: ChildState[]) => states.filter((state) => state.kind === "running").length;

describe("a supervised child", () => {
  test("writes to a log of mode 0600, and stops when told", async () => {
    const { supervised } = await child('echo "env $A_SECRET"; exec sleep 60');
    await supervised.start();
    await until(() => supervised.state.kind === "running");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await supervised.stop();
    expect(supervised.state.kind).toBe("stopped");
    expect((await stat(join(dir, "log"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(dir, "log"), "utf8")).toBe("env hush\n");
  });

  test("is started again after it was killed, with growing delays", async () => {
    const { supervised, states } = await child("exec sleep 60");
    await using _child = supervised;
    await supervised.start();
    for (const restarts of [2, 3]) {
      const { state } = supervised;
      if (state.kind !== "running") throw new Error("not running");
      process.kill(state.pid, "SIGKILL");
      await until(() => running(states) === restarts);
    }
    expect(states.some((state) => state.kind === "waiting" && state.attempt === 2)).toBe(true);
  });

  test("is killed if it does not end in time", async () => {
    const { supervised } = await child('trap "" TERM; while :; do sleep 0.05; done');
    await supervised.start();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = Date.now();
    await supervised.stop();
    expect(Date.now() - before).toBeGreaterThan(250);
  });

  test("is not started from a program that changed, at first or later", async () => {
    const { supervised, path } = await child("exec sleep 60");
    await using _child = supervised;
    await supervised.start();
    await writeFile(path, "#!/bin/sh\necho replaced\n");
    if (supervised.state.kind === "running") process.kill(supervised.state.pid, "SIGKILL");
    await until(() => supervised.state.kind === "failed");
    const other = new SupervisedChild({
      name: "other",
      program: path,
      args: [],
      environment: {},
      sha256: "00",
      logFile: join(dir, "log2"),
      ready: async () => undefined,
    });
    await expect(other.start()).rejects.toMatchObject({ code: "ERR_BINARY_HASH" });
  });

  test("that never serves is ended, and the error says where to read why", async () => {
    const { supervised } = await child("exec sleep 60", {
      ready: (signal) => new Promise((_, reject) => signal.addEventListener("abort", reject)),
      readyTimeoutMs: 100,
    });
    const hint = expect.stringContaining(dir) as string;
    await expect(supervised.start()).rejects.toMatchObject({ code: "ERR_NOT_READY", hint });
    const { supervised: ended } = await child("exit 3", {
      ready: () => new Promise(() => undefined),
    });
    await expect(ended.start()).rejects.toMatchObject({ code: "ERR_CHILD_START" });
  });
});
