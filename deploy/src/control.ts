import { chmod, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { deployErrors } from "./errors.ts";

/** One line of JSON in, one line of JSON out, over a socket that only the box's user can open. */
export type ControlRequest = { readonly kind: "status" } | { readonly kind: "stop" };

export interface RoleStatus {
  readonly name: string;
  readonly state: "starting" | "ready" | "waiting" | "stopped";
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly logFile: string;
}

export interface ServerStatus {
  readonly pid: number;
  readonly startedMs: number;
  readonly gatewayUrl: string;
  readonly natsUrls: readonly string[];
  readonly roles: readonly RoleStatus[];
}

const MAX_LINE_BYTES = 65_536;

/** Serves control requests until disposed. The socket file replaces one that nobody answers on. */
export async function serveControl(
  path: string,
  answer: (request: ControlRequest) => ServerStatus,
): Promise<AsyncDisposable> {
  if (await isAnswered(path)) {
    throw deployErrors.ERR_SERVER_RUNNING("this server is running already");
  }
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    createInterface(socket).on("line", (line) => {
      const request = parseControlRequest(line);
      if (request === undefined) socket.destroy();
      else socket.end(`${JSON.stringify(answer(request))}\n`);
    });
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(path, resolve);
  await promise;
  await chmod(path, 0o600);
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroySoon();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
    },
  };
}

function parseControlRequest(line: string): ControlRequest | undefined {
  if (line === '{"kind":"status"}') return { kind: "status" };
  if (line === '{"kind":"stop"}') return { kind: "stop" };
  return undefined;
}

/** Asks the running server. Throws `ERR_SERVER_NOT_RUNNING` where none answers. */
export async function askControl(path: string, request: ControlRequest): Promise<ServerStatus> {
  const socket = connect(path);
  socket.setTimeout(5_000, () => socket.destroy(new Error("no answer within 5 s")));
  socket.write(`${JSON.stringify(request)}\n`);
  let text = "";
  try {
    for await (const chunk of socket) {
      text += String(chunk);
      if (text.length > MAX_LINE_BYTES) throw deployErrors.ERR_CONTROL("an answer too long");
    }
  } catch (cause) {
    if (isAbsent(cause)) {
      throw deployErrors.ERR_SERVER_NOT_RUNNING("the server is not running", { cause });
    }
    throw deployErrors.ERR_CONTROL("the server does not answer", { cause });
  }
  return JSON.parse(text) as ServerStatus;
}

async function isAnswered(path: string): Promise<boolean> {
  try {
    await askControl(path, { kind: "status" });
    return true;
  } catch {
    return false;
  }
}

function isAbsent(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return code === "ENOENT" || code === "ECONNREFUSED";
}
