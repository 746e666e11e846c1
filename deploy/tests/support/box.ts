import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type InitServerOptions, initServer, serverStatus, stopServer } from "@cloister/deploy";

export function initOptions(
  home: string,
  change: Partial<InitServerOptions> = {},
): InitServerOptions {
  return {
    home,
    host: "127.0.0.1",
    listenHost: "127.0.0.1",
    gatewayPort: 0,
    natsPort: 0,
    webSocketPort: 0,
    operatorName: "test",
    keepOperatorRoot: () => Promise.resolve(),
    now: Date.now(),
    ...change,
  };
}

/** Every process whose command line names the home. */
export async function processesOf(home: string): Promise<{ pid: number; command: string }[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
      return { pid: Number(pid), command, isOurs: `${command}\0${environment}`.includes(home) };
    }),
  );
  return found
    .filter(({ pid, isOurs }) => isOurs && pid !== process.pid)
    .map(({ pid, command }) => ({ pid, command }));
}

export async function pidOf(home: string, role: string): Promise<number | undefined> {
  const { roles } = await serverStatus(home);
  return roles.find(({ name, state }) => name === role && state === "ready")?.pid;
}

/** A box that a test made; whatever of it still runs afterwards is ended. */
export class TestBox implements AsyncDisposable {
  readonly home: string;
  readonly claim: string;

  private constructor(home: string, claim: string) {
    this.home = home;
    this.claim = claim;
  }

  static async make(home: string, change: Partial<InitServerOptions> = {}): Promise<TestBox> {
    const { claim } = await initServer(initOptions(home, change));
    return new TestBox(home, claim);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopServer(this.home).catch(() => undefined);
    for (const { pid } of await processesOf(this.home)) kill(pid);
    await rm(this.home, { recursive: true, force: true, maxRetries: 3 });
  }
}

export function kill(pid: number | undefined): void {
  if (pid === undefined) throw new Error("no process to kill");
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

/** Every file below the folder. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}
