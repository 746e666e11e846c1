import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CertificateAuthority, issueServerCertificate } from "@cloister/server-kit";

export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Writes a certificate for loopback, issued by `authority`, into `dir`/tls. */
export async function writeTls(dir: string, authority: CertificateAuthority): Promise<TlsFiles> {
  const hosts = ["localhost", "127.0.0.1", "::1"];
  const issued = await issueServerCertificate(authority, { hosts, nowMs: Date.now() });
  await mkdir(join(dir, "tls"), { mode: 0o700 });
  const caFile = join(dir, "tls", "ca.pem");
  const certFile = join(dir, "tls", "cert.pem");
  const keyFile = join(dir, "tls", "key.pem");
  await writeFile(caFile, authority.certPem);
  await writeFile(certFile, issued.certPem);
  await writeFile(keyFile, issued.keyPem, { mode: 0o600 });
  return { caFile, certFile, keyFile };
}
