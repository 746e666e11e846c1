import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type ErrorReport, errorFromReport, hasErrorCode } from "@cloister/base";
import { isProcessRunning, resolveNatsServer } from "@cloister/server-kit";
import { askControl, type ServerStatus } from "./control.ts";
import { deployErrors } from "./errors.ts";
import { natsModuleDir, readSettings, type ServerHome, serverHome } from "./server-home.ts";

const POLL_MS = 20;
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
  const child = spawnServer(home);
  try {
    await untilReady(child, { home, signal: options.signal });
  } finally {
    // It lives on without us.
    if (child.connected) child.disconnect();
    child.unref();
  }
  return await askControl(home.controlSocket, { kind: "status" });
}

function spawnServer(home: ServerHome): ChildProcess {
  const log = openSync(serverLog(home), "a", 0o600);
  try {
    return spawn(process.execPath, [serverProgram(), home.folder], {
      detached: true,
      stdio: ["ignore", log, log, "ipc"],
      cwd: home.folder,
      env: { ...process.env, NODE_COMPILE_CACHE: home.codeCache },
    });
  } finally {
    closeSync(log);
  }
}

/** The box's process says once what has become of its start. */
type StartMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly report: ErrorReport };

async function untilReady(
  child: ChildProcess,
  { home, signal }: { readonly home: ServerHome; readonly signal: AbortSignal },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => {
    child.kill("SIGTERM");
    reject(signal.reason);
  };
  const late = setTimeout(() => {
    child.kill("SIGTERM");
    void startError(home).then(reject);
  }, START_TIMEOUT_MS);
  signal.addEventListener("abort", onAbort, { once: true });
  child.on("message", (message: StartMessage) => {
    if (message.kind === "ready") resolve();
    else reject(errorFromReport(message.report));
  });
  child.once("error", reject);
  child.once("exit", () => void startError(home).then(reject));
  try {
    await promise;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", onAbort);
  }
}

/** Asks the box to stop and waits until it has. */
export async function stopServer(folder: string): Promise<void> {
  const home = serverHome(folder);
  await readSettings(home);
  const { pid } = await askControl(home.controlSocket, { kind: "stop" });
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (await isProcessRunning(pid)) {
    if (Date.now() > deadline)
      throw deployErrors.ERR_SERVER_STOP("the server does not stop in time");
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
    if (hasErrorCode(error, "ERR_SERVER_NOT_RUNNING")) return undefined;
    throw error;
  }
}

/** The program of the box's own process. */
function serverProgram(): string {
  return fileURLToPath(new URL("main.ts", import.meta.url));
}

function serverLog(home: ServerHome): string {
  return join(home.logs, "server.log");
}

async function startError(home: ServerHome): Promise<Error> {
  const logFile = serverLog(home);
  const text = await readFile(logFile, "utf8").catch(() => "");
  const last = text.trimEnd().split("\n").slice(-LAST_LINES).join("\n");
  return deployErrors.ERR_SERVER_START(`the server did not start; ${logFile} ends with:\n${last}`);
}
