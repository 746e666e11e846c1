import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import { type ErrorReport, httpStatusOf, reportOf } from "@cloister/base";
import { encodeErrorReply } from "@cloister/proto";
import type { Answer } from "@cloister/server-kit";
import Fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from "fastify";
import { gatewayErrors } from "../errors.ts";
import {
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MAX_CALL_BYTES,
  MAX_HEADER_BYTES,
  MAX_REQUESTS_PER_SOCKET,
  REQUEST_TIMEOUT_MS,
  SOCKET_TIMEOUT_MS,
  TIMEOUT_CHECK_INTERVAL_MS,
  TLS_HANDSHAKE_TIMEOUT_MS,
} from "../limits.ts";
import { addressGroup } from "./address.ts";
import { limitConnections } from "./connection-limit.ts";
import { hardenedHeaders } from "./security-headers.ts";

const mediaType = "application/x-protobuf";

/** One method as it is served: its name, the most that its body may hold, and what answers it. */
export interface HttpMethod {
  readonly name: string;
  readonly maxBodyBytes: number;
  answer(call: HttpCall): Promise<Answer>;
}

export interface HttpCall {
  readonly body: Uint8Array;
  /** What limits count against (address.ts). */
  readonly address: string;
}

export interface HttpsServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly methods: readonly HttpMethod[];
  /** Runs before a body is read; throws to refuse. */
  readonly admitAddress: (address: string) => Promise<void>;
  /** Shorter in tests. */
  readonly requestTimeoutMs?: number | undefined;
  readonly maxConnectionsPerAddress?: number | undefined;
}

export interface ListeningServer extends AsyncDisposable {
  readonly port: number;
}

/**
 * The one listener: TLS 1.3, `POST /v1/<Method>`, protobuf in and out. Every refusal, those of HTTP
 * too, is a `Reply` with a stable code.
 */
export async function listenHttps(options: HttpsServerOptions): Promise<ListeningServer> {
  const server = buildServer(options);
  await server.listen({ host: options.host, port: options.port });
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new TypeError("not a TCP listener");
  return { port: address.port, [Symbol.asyncDispose]: () => server.close() };
}

type GatewayServer = ReturnType<typeof makeServer>;

function buildServer(options: HttpsServerOptions): GatewayServer {
  const server = makeServer(options);
  limitConnections(server.server, options.maxConnectionsPerAddress);
  // Nothing but protobuf is parsed: fastify's parsers for JSON and text are gone.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(mediaType, { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });
  server.addHook("onRequest", async (request) => {
    await options.admitAddress(addressGroup(request.ip));
  });
  server.setNotFoundHandler((_request, reply) => {
    return sendError(reply, gatewayErrors.ERR_HTTP_NOT_FOUND("there is nothing here"), 404);
  });
  server.setErrorHandler<FastifyError>((error, _request, reply) => {
    return sendError(reply, errorOfHttp(error), httpOwnStatus(error));
  });
  for (const method of options.methods) routeMethod(server, method);
  return server;
}

function makeServer(options: HttpsServerOptions) {
  const requestTimeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  return Fastify<HttpsServer>({
    https: {
      cert: options.certificatePem,
      key: options.privateKeyPem,
      minVersion: "TLSv1.3",
      handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeout),
      requestTimeout,
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_INTERVAL_MS, requestTimeout),
    },
    bodyLimit: MAX_CALL_BYTES,
    requestTimeout,
    connectionTimeout: SOCKET_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxRequestsPerSocket: MAX_REQUESTS_PER_SOCKET,
    forceCloseConnections: "idle",
    // Requests are logged by method and code alone (start-gateway.ts): fastify would log addresses and paths.
    logger: false,
    trustProxy: false,
    exposeHeadRoutes: false,
    clientErrorHandler: endBrokenConnection,
    frameworkErrors: (error, _request, reply) => {
      void sendError(reply, errorOfHttp(error), httpOwnStatus(error));
    },
    routerOptions: { maxParamLength: 64 },
  });
}

function routeMethod(server: GatewayServer, method: HttpMethod): void {
  server.post(
    `/v1/${method.name}`,
    { bodyLimit: method.maxBodyBytes },
    async (request: FastifyRequest, reply: FastifyReply) => {
      const body = request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
      const answer = await method.answer({ body, address: addressGroup(request.ip) });
      return sendAnswer(reply, answer);
    },
  );
}

function sendError(reply: FastifyReply, error: unknown, ownStatus?: number): FastifyReply {
  const report = reportOf(error);
  return sendAnswer(reply, { reply: encodeErrorReply(error), error: report }, ownStatus);
}

function sendAnswer(reply: FastifyReply, answer: Answer, ownStatus?: number): FastifyReply {
  const { error } = answer;
  const waitMs = error?.details?.["waitMs"];
  if (typeof waitMs === "number") reply.header("retry-after", Math.ceil(waitMs / 1_000));
  const status = error === undefined ? 200 : (ownStatus ?? statusOf(error));
  return reply
    .code(status)
    .headers(hardenedHeaders)
    .type(mediaType)
    .send(Buffer.from(answer.reply));
}

function statusOf(error: ErrorReport): number {
  // What only came too often is no larger than it may be.
  return error.kind === "Limit" && error.retryable ? 429 : httpStatusOf(error.kind);
}

/** Errors of fastify itself, by their stable codes; ours pass as they are. */
function errorOfHttp(error: FastifyError): unknown {
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return gatewayErrors.ERR_HTTP_BODY_TOO_LARGE("the body is longer than this method takes", {
        hint: "send less in one call",
      });
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return gatewayErrors.ERR_HTTP_MEDIA_TYPE("this media type is not taken");
    default:
      if (!error.code?.startsWith("FST_")) return error;
      return gatewayErrors.ERR_HTTP_MALFORMED("malformed HTTP request");
  }
}

/** HTTP has a status of its own for what went wrong with HTTP: 413, 415, … */
function httpOwnStatus(error: FastifyError): number | undefined {
  return error.code?.startsWith("FST_") === true ? error.statusCode : undefined;
}

/** Malformed HTTP or an exceeded timeout: there is no request to answer. */
function endBrokenConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = brokenStatus[error.code ?? ""] ?? "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  socket.destroySoon();
}

const brokenStatus: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
};
