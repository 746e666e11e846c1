import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import { createCertificateAuthority, fingerprintOf, issueServerCertificate } from "./tls-ca.ts";

const nowMs = Date.now();

test("[F44] a server's certificate serves its hosts, under its own authority alone", async () => {
  const authority = await createCertificateAuthority({ name: "fleet", nowMs });
  const other = await createCertificateAuthority({ name: "fleet", nowMs });
  const issued = await issueServerCertificate(authority, {
    hosts: ["box.example", "127.0.0.1"],
    nowMs,
  });
  const cert = new X509Certificate(issued.certPem);
  expect(cert.checkHost("box.example")).toBe("box.example");
  expect(cert.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(cert.checkHost("other.example")).toBeUndefined();
  expect(cert.ca).toBe(false);
  const root = new X509Certificate(authority.certPem);
  expect(root.ca).toBe(true);
  expect(cert.verify(root.publicKey)).toBe(true);
  expect(cert.verify(new X509Certificate(other.certPem).publicKey)).toBe(false);
  expect(fingerprintOf(authority.certPem)).toBe(authority.fingerprint);
  expect(root.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(authority.fingerprint);
});

test("[F44] Node's TLS takes it, and refuses it under another authority", async () => {
  const authority = await createCertificateAuthority({ name: "fleet", nowMs });
  const other = await createCertificateAuthority({ name: "fleet", nowMs });
  const issued = await issueServerCertificate(authority, { hosts: ["127.0.0.1"], nowMs });
  const server = createServer({ cert: issued.certPem, key: issued.keyPem, minVersion: "TLSv1.3" });
  server.on("tlsClientError", () => undefined);
  server.on("secureConnection", (socket: TLSSocket) => socket.on("error", () => undefined));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const good = connect({ port, host: "127.0.0.1", ca: authority.certPem });
  await once(good, "secureConnect");
  expect(good.authorized).toBe(true);
  good.destroy();
  const bad = connect({ port, host: "127.0.0.1", ca: other.certPem });
  const [error] = (await once(bad, "error")) as [Error];
  expect(error).toBeInstanceOf(Error);
  server.close();
});

test("a certificate needs a host, and names that are names", async () => {
  const authority = await createCertificateAuthority({ name: "fleet", nowMs });
  for (const hosts of [[], [""], ["a/b"], ["x".repeat(80)]]) {
    const issue = issueServerCertificate(authority, { hosts, nowMs });
    await expect(issue).rejects.toMatchObject({ code: "ERR_TLS_ISSUE" });
  }
});
