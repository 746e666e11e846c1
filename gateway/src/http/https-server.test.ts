import { once } from "node:events";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { connect as connectTls } from "node:tls";
import { encodeReply, parseReply } from "@cloister/proto";
import { createCertificateAuthority, issueServerCertificate } from "@cloister/server-kit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gatewayErrors } from "../errors.ts";
import { type HttpsServerOptions, type ListeningServer, listenHttps } from "./https-server.ts";

const host = "127.0.0.1";
const json = { "content-type": "application/json" };
const seen: number[] = [];
let caPem = "";
let server: ListeningServer;
let options: HttpsServerOptions;
let isAddressRefused = false;

beforeAll(async () => {
  const authority = await createCertificateAuthority({ name: "test", nowMs: Date.now() });
  const issued = await issueServerCertificate(authority, { hosts: [host], nowMs: Date.now() });
  caPem = authority.certPem;
  options = {
    host,
    port: 0,
    certificatePem: issued.certPem,
    privateKeyPem: issued.keyPem,
    requestTimeoutMs: 1_000,
    maxConnectionsPerAddress: 20,
    admitAddress: async () => {
      if (isAddressRefused) {
        throw gatewayErrors.ERR_LIMIT_RATE("too many calls", { details: { waitMs: 1_500 } });
      }
    },
    methods: [
      {
        name: "Echo",
        maxBodyBytes: 1_000,
        answer: async ({ body }) => {
          seen.push(body.length);
          return { reply: encodeReply(body) };
        },
      },
    ],
  };
  server = await listenHttps(options);
});
afterAll(() => server[Symbol.asyncDispose]());

interface Received {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: Uint8Array;
}

async function send(body: Uint8Array | string, over: RequestOptions = {}): Promise<Received> {
  const call = httpsRequest({
    host,
    port: server.port,
    ca: caPem,
    path: "/v1/Echo",
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    agent: false,
    ...over,
  });
  call.end(over.method === "GET" ? undefined : body);
  const [response] = await once(call, "response");
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  return {
    status: response.statusCode,
    headers: response.headers,
    body: Uint8Array.from(Buffer.concat(parts)),
  };
}

function codeOf(received: Received): unknown {
  try {
    parseReply(received.body);
    return undefined;
  } catch (error) {
    return (error as { code: unknown }).code;
  }
}

describe("the listener", () => {
  test("answers a call in protobuf, with headers that give nothing away", async () => {
    const received = await send(Uint8Array.of(1, 2, 3));
    expect(received.status).toBe(200);
    expect(parseReply(received.body)).toEqual(Uint8Array.of(1, 2, 3));
    expect(received.headers).toMatchObject({
      "content-type": "application/x-protobuf",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    expect(received.headers["server"]).toBeUndefined();
    expect(received.headers["x-powered-by"]).toBeUndefined();
  });

  test("speaks TLS 1.3 and nothing older", async () => {
    const old = connectTls({ host, port: server.port, ca: caPem, maxVersion: "TLSv1.2" });
    const [error] = await once(old, "error");
    expect(error.code).toMatch(/PROTOCOL_VERSION|HANDSHAKE|ALERT/);
    const current = connectTls({ host, port: server.port, ca: caPem });
    await once(current, "secureConnect");
    expect(current.getProtocol()).toBe("TLSv1.3");
    current.destroy();
  });

  test("refuses an oversize body by its length alone, before a byte of it was sent", async () => {
    const before = seen.length;
    const socket = connectTls({ host, port: server.port, ca: caPem });
    await once(socket, "secureConnect");
    // 4 GiB are announced and not one byte follows: what answers has waited for nothing.
    socket.write(
      `POST /v1/Echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 4294967296\r\n\r\n`,
    );
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
    expect(seen.length).toBe(before);
  });

  test("refuses a chunked body once it passes the limit", async () => {
    const before = seen.length;
    const received = await send(new Uint8Array(1_001), {
      headers: { "content-type": "application/x-protobuf", "transfer-encoding": "chunked" },
    });
    expect(received.status).toBe(413);
    expect(codeOf(received)).toBe("ERR_HTTP_BODY_TOO_LARGE");
    expect(seen.length).toBe(before);
  });

  test.each<{ over: RequestOptions; status: number; code: string }>([
    { over: { path: "/v1/Nothing" }, status: 404, code: "ERR_HTTP_NOT_FOUND" },
    { over: { method: "GET" }, status: 404, code: "ERR_HTTP_NOT_FOUND" },
    { over: { path: `/v1/${"x".repeat(200)}` }, status: 404, code: "ERR_HTTP_NOT_FOUND" },
    { over: { path: "/v1/%ZZ" }, status: 400, code: "ERR_HTTP_MALFORMED" },
    { over: { headers: json }, status: 415, code: "ERR_HTTP_MEDIA_TYPE" },
    { over: { headers: {} }, status: 415, code: "ERR_HTTP_MEDIA_TYPE" },
  ])("$over is a typed refusal", async ({ over, status, code }) => {
    const received = await send("{}", over);
    expect({ status: received.status, code: codeOf(received) }).toEqual({ status, code });
    expect(received.headers["content-security-policy"]).toContain("default-src 'none'");
  });

  test("says when to come again", async () => {
    isAddressRefused = true;
    try {
      const received = await send("x");
      expect(codeOf(received)).toBe("ERR_LIMIT_RATE");
      expect(received.status).toBe(429);
      expect(received.headers["retry-after"]).toBe("2");
    } finally {
      isAddressRefused = false;
    }
  });

  test("ends a request that trickles in (slowloris), headers or body", async () => {
    const started = Date.now();
    const starts = [
      "POST /v1/Echo HTTP/1.1\r\nhost: x\r\nx-a",
      "POST /v1/Echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\na",
    ];
    await Promise.all(
      starts.map(async (start) => {
        const socket = connectTls({ host, port: server.port, ca: caPem });
        socket.on("error", () => undefined);
        await once(socket, "secureConnect");
        socket.write(start);
        const trickle = setInterval(() => socket.writable && socket.write("a"), 200);
        socket.resume();
        await once(socket, "close");
        clearInterval(trickle);
      }),
    );
    expect(Date.now() - started).toBeLessThan(8_000);
  });

  test("refuses headers beyond their limit", async () => {
    const socket = connectTls({ host, port: server.port, ca: caPem });
    socket.on("error", () => undefined);
    await once(socket, "secureConnect");
    socket.write(`POST /v1/Echo HTTP/1.1\r\nhost: x\r\nx-a: ${"a".repeat(9_000)}\r\n\r\n`);
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1.1 431 /);
    socket.destroy();
  });

  test("one address holds so many connections, and no more", async () => {
    const sockets = Array.from({ length: 24 }, () =>
      connectTls({ host, port: server.port, ca: caPem }),
    );
    const outcomes = await Promise.all(
      sockets.map((socket) => {
        socket.on("error", () => undefined);
        return Promise.race([
          once(socket, "secureConnect").then(
            () => "open",
            () => "closed",
          ),
          once(socket, "close").then(
            () => "closed",
            () => "closed",
          ),
        ]);
      }),
    );
    expect(outcomes.filter((outcome) => outcome === "open").length).toBeLessThanOrEqual(20);
    expect(outcomes.filter((outcome) => outcome === "closed").length).toBeGreaterThanOrEqual(4);
    for (const socket of sockets) socket.destroy();
    await expect.poll(async () => (await send("x")).status).toBe(200);
  });
});
