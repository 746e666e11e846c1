import { chmod, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { deployErrors } from "./errors.ts";
import { withShortPath } from "./short-path.ts";

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

const MAX_REQUEST_BYTES = 256;
const MAX_ANSWER_BYTES = 65_536;
const PATIENCE_MS = 5_000;

/**
 * Serves control requests until disposed. Whoever calls it holds the box's lock: a socket that is
 * there was left by a process that is gone.
 */
export async function serveControl(
  path: string,
  answer: (request: ControlRequest) => ServerStatus,
): Promise<AsyncDisposable> {
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serveOne(socket, answer);
  });
  await withShortPath(path, (short) => listen(server, short));
  await chmod(path, 0o600);
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroySoon();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
      await rm(path, { force: true });
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(path, resolve);
  return promise;
}

/** Anything but one short known line closes the connection without an answer. */
function serveOne(socket: Socket, answer: (request: ControlRequest) => ServerStatus): void {
  let text = "";
  socket.on("error", () => socket.destroy());
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    const end = text.indexOf("\n");
    if (end < 0 && text.length <= MAX_REQUEST_BYTES) return;
    const request = parseControlRequest(text.slice(0, Math.max(0, end)));
    if (request === undefined) socket.destroy();
    else socket.end(`${JSON.stringify(answer(request))}\n`);
  });
}

function parseControlRequest(line: string): ControlRequest | undefined {
  if (line === '{"kind":"status"}') return { kind: "status" };
  if (line === '{"kind":"stop"}') return { kind: "stop" };
  return undefined;
}

/** Asks the running server. Throws `ERR_SERVER_NOT_RUNNING` where none answers. */
export async function askControl(path: string, request: ControlRequest): Promise<ServerStatus> {
  try {
    const text = await withShortPath(path, (short) => exchange(short, request));
    return JSON.parse(text) as ServerStatus;
  } catch (cause) {
    if (isAbsent(cause)) {
      throw deployErrors.ERR_SERVER_NOT_RUNNING("the server is not running", { cause });
    }
    throw deployErrors.ERR_CONTROL("the server does not answer", { cause });
  }
}

async function exchange(path: string, request: ControlRequest): Promise<string> {
  const socket = connect(path);
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error("no answer within 5 s")));
  socket.write(`${JSON.stringify(request)}\n`);
  let text = "";
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.length > MAX_ANSWER_BYTES) throw deployErrors.ERR_CONTROL("an answer too long");
  }
  return text;
}

function isAbsent(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  // The last two: it ended while it was asked.
  return ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"].includes(String(code));
}
