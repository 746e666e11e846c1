import { mkdtemp, readdir, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHex } from "@cloister/base";
import { HttpsPort, PinnedAuthorities } from "@cloister/client-node";
import {
  type CertificateAuthority,
  createCertificateAuthority,
  issueServerCertificate,
} from "@cloister/server-kit";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";

interface Site extends AsyncDisposable {
  readonly baseUrl: string;
  readonly seen: string[];
}

interface SiteOptions {
  readonly tls?: ServerOptions;
  readonly hosts?: readonly string[];
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => void;
}

let authority: CertificateAuthority;
let folder: string;

async function site(options: SiteOptions = {}): Promise<Site> {
  const hosts = options.hosts ?? ["127.0.0.1"];
  const issued = await issueServerCertificate(authority, { hosts, nowMs: Date.now() });
  const seen: string[] = [];
  const tls = { cert: `${issued.certPem}\n${authority.certPem}`, key: issued.keyPem };
  const server = createServer({ ...tls, ...options.tls }, (request, response) => {
    const body: Buffer[] = [];
    request.on("data", (chunk: Buffer) => body.push(chunk));
    request.on("end", () => {
      const { method, url } = request;
      const type = String(request.headers["content-type"]);
      seen.push([method, url, type, Buffer.concat(body).toString()].join(" "));
      if (options.answer === undefined) response.writeHead(207).end("answer");
      else options.answer(request, response);
    });
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `https://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function call(baseUrl: string, pin: string | undefined, change = {}) {
  return {
    baseUrl,
    path: "/v1/Discover",
    body: Buffer.from("question"),
    caSha256: pin === undefined ? undefined : parseHex(pin),
    timeoutMs: 5_000,
    maxResponseBytes: 1_000,
    ...change,
  };
}

const authorities = () => new PinnedAuthorities((hash) => join(folder, `${hash}.pem`));

beforeAll(async () => {
  authority = await createCertificateAuthority({ name: "test fleet", nowMs: Date.now() });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloister-https-"));
  return () => rm(folder, { recursive: true });
});

describe("calls to a gateway", () => {
  test("[F1] go by TLS 1.3 to the pinned authority, which is fetched once and kept", async () => {
    await using gateway = await site();
    using port = new HttpsPort(authorities());
    const { fingerprint } = authority;
    const { status, body } = await port.post(call(gateway.baseUrl, fingerprint));
    expect({ status, text: Buffer.from(body).toString() }).toEqual({ status: 207, text: "answer" });
    expect(gateway.seen).toEqual(["POST /v1/Discover application/x-protobuf question"]);
    expect(await readdir(folder)).toEqual([`${fingerprint}.pem`]);
    // From the file alone: whoever connects to the relay fetches nothing.
    expect(await authorities().knownPem(parseHex(fingerprint))).toContain("BEGIN CERTIFICATE");
  });

  test("[F1] nothing reaches a server of another authority, or of none that is known", async () => {
    await using gateway = await site();
    using port = new HttpsPort(authorities());
    for (const pin of ["00".repeat(32), undefined]) {
      await expect(port.post(call(gateway.baseUrl, pin))).rejects.toMatchObject({
        code: "ERR_SERVER_UNPINNED",
      });
    }
    expect(gateway.seen).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
    await expect(authorities().knownPem(new Uint8Array(32))).rejects.toMatchObject({
      code: "ERR_SERVER_UNPINNED",
    });
  });

  test("[F1] a chain that shows the pinned authority but was not issued by it gets nothing", async () => {
    const real = authority;
    authority = await createCertificateAuthority({ name: "stranger", nowMs: Date.now() });
    const issued = await issueServerCertificate(authority, {
      hosts: ["127.0.0.1"],
      nowMs: Date.now(),
    });
    await using gateway = await site({
      tls: { cert: `${issued.certPem}\n${real.certPem}`, key: issued.keyPem },
    });
    authority = real;
    using port = new HttpsPort(authorities());
    await expect(port.post(call(gateway.baseUrl, real.fingerprint))).rejects.toMatchObject({
      code: "ERR_SERVER_UNPINNED",
    });
    expect(gateway.seen).toEqual([]);
  });

  test("[F1] nor one whose certificate names another host, nor one that speaks only TLS 1.2", async () => {
    using port = new HttpsPort(authorities());
    await using other = await site({ hosts: ["elsewhere.example"] });
    await expect(port.post(call(other.baseUrl, authority.fingerprint))).rejects.toMatchObject({
      code: "ERR_SERVER_UNPINNED",
    });
    await using old = await site({ tls: { maxVersion: "TLSv1.2" } });
    for (const pin of [authority.fingerprint, undefined]) {
      await expect(port.post(call(old.baseUrl, pin))).rejects.toMatchObject({
        code: "ERR_SERVER_UNREACHABLE",
      });
    }
    expect([...other.seen, ...old.seen]).toEqual([]);
  });

  test("a kept certificate that was altered is not believed", async () => {
    await using gateway = await site();
    const { fingerprint } = authority;
    using port = new HttpsPort(authorities());
    await port.post(call(gateway.baseUrl, fingerprint));
    const { writeFile } = await import("node:fs/promises");
    const stranger = await createCertificateAuthority({ name: "stranger", nowMs: Date.now() });
    await writeFile(join(folder, `${fingerprint}.pem`), stranger.certPem);
    await expect(authorities().knownPem(parseHex(fingerprint))).rejects.toMatchObject({
      code: "ERR_SERVER_UNPINNED",
    });
    using fresh = new HttpsPort(authorities());
    expect((await fresh.post(call(gateway.baseUrl, fingerprint))).status).toBe(207);
  });

  test("an answer that is too long, cut off, late or dripping ends with what it was", async () => {
    const answers: Record<string, NonNullable<SiteOptions["answer"]>> = {
      ERR_RESPONSE_TOO_LONG: (_, response) => response.end("x".repeat(100_000)),
      ERR_SERVER_UNREACHABLE: (_, response) => {
        response.writeHead(200, { "content-length": 500 });
        response.write("x", () => response.destroy());
      },
      ERR_SERVER_TIMEOUT: (_, response) => {
        const drip = setInterval(() => response.write("x"), 20);
        response.on("close", () => clearInterval(drip));
      },
    };
    for (const [code, answer] of Object.entries(answers)) {
      await using gateway = await site({ answer });
      using port = new HttpsPort(authorities());
      const wanted = call(gateway.baseUrl, authority.fingerprint, { timeoutMs: 400 });
      await expect(port.post(wanted), code).rejects.toMatchObject({ code });
    }
    using port = new HttpsPort(authorities());
    await expect(port.post(call("https://127.0.0.1:1", undefined))).rejects.toMatchObject({
      code: "ERR_SERVER_UNREACHABLE",
    });
  });
});
