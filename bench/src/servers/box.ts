import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { initServer } from "@cloister/deploy";

/** The product as an operator runs it: nats-server and every role a process, on loopback. */
export interface Box extends AsyncDisposable {
  /** Founds one org. */
  readonly claim: string;
  /** For what belongs to the bench besides; goes with the box. */
  readonly folder: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Makes a box in a temporary folder, without starting it. */
export async function makeBox(): Promise<Box> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-bench-"));
  const home = join(folder, "box");
  const { claim } = await initServer({
    home,
    host: "127.0.0.1",
    listenHost: "127.0.0.1",
    gatewayPort: 0,
    natsPort: 0,
    webSocketPort: 0,
    operatorName: "bench",
    keepOperatorRoot: () => Promise.resolve(),
    now: Date.now(),
  });
  let running: ChildProcess | undefined;
  const stop = async () => {
    const ending = running;
    running = undefined;
    if (ending === undefined || ending.exitCode !== null) return;
    const ended = once(ending, "exit");
    ending.disconnect();
    await ended;
  };
  return {
    claim,
    folder,
    start: async () => {
      running = fork(program, [home], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
      await untilReady(running);
    },
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const program = fileURLToPath(new URL("../sides/box.side.ts", import.meta.url));
const startTimeoutMs = 60_000;

async function untilReady(box: ChildProcess): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(startTimeoutMs)]);
  const ended = once(box, "exit", { signal }).then(() => {
    throw new Error("the box ended before it was ready");
  });
  try {
    await Promise.race([once(box, "message", { signal }), ended]);
  } finally {
    ended.catch(() => undefined);
    over.abort();
  }
}
