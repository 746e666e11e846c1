import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CertificateAuthority,
  createCertificateAuthority,
  freePort,
  NATS_MAX_PAYLOAD_BYTES,
  resolveNatsServer,
} from "@cloister/server-kit";
import { natsModuleDir } from "./nats.ts";
import { NatsProcess } from "./nats-process.ts";
import { writeTls } from "./test-tls.ts";

export interface PlainNats extends AsyncDisposable {
  readonly url: string;
  readonly authority: CertificateAuthority;
  readonly process: NatsProcess;
  readonly configFile: string;
  /** What its holder sees on the disk. */
  readonly dataDir: string;
}

/**
 * nats-server as anybody might run it: no accounts, no tokens; with the same TLS, JetStream cipher
 * and fsync as ours. Benchmarks compare against it.
 */
export async function startPlainNats(options: { signal?: AbortSignal } = {}): Promise<PlainNats> {
  const { path } = await resolveNatsServer({ moduleDir: natsModuleDir, ...options });
  const dir = await mkdtemp(join(tmpdir(), "cloister-plain-"));
  const authority = await createCertificateAuthority({ name: "test fleet", nowMs: Date.now() });
  const tls = await writeTls(dir, authority);
  const port = await freePort();
  const configFile = join(dir, "nats.conf");
  const dataDir = join(dir, "data");
  const lines = [
    `listen: "127.0.0.1:${port}"`,
    `max_payload: ${NATS_MAX_PAYLOAD_BYTES}`,
    `tls { cert_file: "${tls.certFile}", key_file: "${tls.keyFile}", min_version: "1.3" }`,
    `jetstream { store_dir: "${dataDir}", sync_interval: always, cipher: aes, key: $JS_KEY }`,
  ];
  await writeFile(configFile, lines.join("\n"), { mode: 0o600 });
  const environment = { JS_KEY: `k${randomBytes(32).toString("hex")}` };
  const logFile = join(dir, "nats.log");
  const server = new NatsProcess({ binary: path, configFile, logFile, port, environment });
  await server.start();
  return {
    url: `tls://127.0.0.1:${port}`,
    authority,
    process: server,
    configFile,
    dataDir,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
