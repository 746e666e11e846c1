import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isCloisterError } from "@cloister/base";
import { resolveNatsServer } from "@cloister/server-kit";
import { askControl, type ServerStatus } from "./control.ts";
import { deployErrors } from "./errors.ts";
import { natsModuleDir, readSettings, type ServerHome, serverHome } from "./server-home.ts";

const POLL_MS = 50;
const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 60_000;
const LAST_LINES = 8;

export interface StartServerOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (text: string) => void;
}

/** Starts the box in a process of its own and answers once every role is ready. */
export async function startServer(
  folder: string,
  options: StartServerOptions,
): Promise<ServerStatus> {
  const home = serverHome(folder);
  await readSettings(home);
  if ((await statusIfRunning(home)) !== undefined) {
    throw deployErrors.ERR_SERVER_RUNNING("this server is running already");
  }
  // Here, where its progress can be seen: a first build takes minutes.
  await resolveNatsServer({
    moduleDir: natsModuleDir,
    signal: options.signal,
    onProgress: options.onProgress ?? (() => undefined),
  });
  const logFile = join(home.logs, "server.log");
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(process.execPath, [serverProgram(), home.folder], {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: home.folder,
  });
  closeSync(log);
  let ended = false;
  child.once("exit", () => {
    ended = true;
  });
  child.unref();
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const status = await statusIfRunning(home);
    if (status !== undefined && isReady(status)) return status;
    if (ended || Date.now() > deadline) throw await startError(logFile);
    await delay(POLL_MS, undefined, { signal: options.signal });
  }
}

/** Asks the box to stop and waits until it has. */
export async function stopServer(folder: string): Promise<void> {
  const home = serverHome(folder);
  await readSettings(home);
  const { pid } = await askControl(home.controlSocket, { kind: "stop" });
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (isAlive(pid)) {
    if (Date.now() > deadline) throw deployErrors.ERR_CONTROL("the server does not stop");
    await delay(POLL_MS);
  }
}

/** Throws `ERR_SERVER_NOT_RUNNING` where none runs. */
export async function serverStatus(folder: string): Promise<ServerStatus> {
  const home = serverHome(folder);
  await readSettings(home);
  return await askControl(home.controlSocket, { kind: "status" });
}

async function statusIfRunning(home: ServerHome): Promise<ServerStatus | undefined> {
  try {
    return await askControl(home.controlSocket, { kind: "status" });
  } catch (error) {
    if (isCloisterError(error)) return undefined;
    throw error;
  }
}

function isReady({ roles }: ServerStatus): boolean {
  return roles.length === 4 && roles.every(({ state }) => state === "ready");
}

/** The program of the box's own process. */
function serverProgram(): string {
  return fileURLToPath(new URL("main.ts", import.meta.url));
}

async function startError(logFile: string): Promise<Error> {
  const text = await readFile(logFile, "utf8").catch(() => "");
  const last = text.trimEnd().split("\n").slice(-LAST_LINES).join("\n");
  return deployErrors.ERR_SERVER_START(`the server did not start; ${logFile} ends with:\n${last}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
