import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createCertificateAuthority,
  freePorts,
  issueServerCertificate,
  natsConfigText,
  resolveNatsServer,
} from "@cloister/server-kit";
import { NatsProcess, natsModuleDir } from "@cloister/testkit";
import type { FleetFacts } from "../src/index.ts";

export interface NatsNodes {
  readonly servers: readonly NatsProcess[];
  readonly urls: readonly string[];
  readonly caFile: string;
  readonly caPem: string;
  /** Of the first one. */
  readonly dataDir: string;
  readonly logFile: string;
}

const host = "127.0.0.1";

/** Starts real servers that preload the fleet's tokens; more than one make a cluster. */
export async function startNodes(input: {
  readonly dir: string;
  readonly facts: FleetFacts;
  readonly count: number;
}): Promise<NatsNodes> {
  const { dir, facts, count } = input;
  const tls = await writeTls(dir);
  const ports = await freePorts(count * 2);
  const clients = ports.slice(0, count);
  const routes = ports.slice(count).map((port) => `tls://${host}:${port}`);
  const binary = await resolveNatsServer({ moduleDir: natsModuleDir });
  const jetStreamKey = `k${randomBytes(32).toString("hex")}`;
  const servers: NatsProcess[] = [];
  for (const [index, port] of clients.entries()) {
    const listen = { host, port: ports[count + index] ?? 0 };
    const text = natsConfigText({
      serverName: `box-${index}`,
      listen: { host, port },
      tls,
      dataDir: join(dir, `nats-${index}`),
      maxFileStoreBytes: 256 * 1024 ** 3,
      jetStreamKeyVariable: "CLOISTER_JETSTREAM_KEY",
      operatorJwt: facts.operatorJwt,
      systemAccount: facts.accounts.system,
      preload: facts.preload,
      ...(count === 1 ? {} : { cluster: { name: "test", listen, routes } }),
    });
    const configFile = join(dir, `nats-${index}.conf`);
    await writeFile(configFile, text, { mode: 0o600 });
    const server = new NatsProcess({
      binary: binary.path,
      configFile,
      logFile: join(dir, `nats-${index}.log`),
      port,
      environment: { CLOISTER_JETSTREAM_KEY: jetStreamKey },
    });
    servers.push(server);
    await server.start();
  }
  return {
    servers,
    urls: clients.map((port) => `tls://${host}:${port}`),
    caFile: tls.caFile,
    caPem: tls.caPem,
    dataDir: join(dir, "nats-0"),
    logFile: join(dir, "nats-0.log"),
  };
}

async function writeTls(dir: string) {
  const authority = await createCertificateAuthority({ name: "test", nowMs: Date.now() });
  const hosts = ["localhost", host];
  const issued = await issueServerCertificate(authority, { hosts, nowMs: Date.now() });
  const files = {
    caFile: join(dir, "ca.pem"),
    certFile: join(dir, "cert.pem"),
    keyFile: join(dir, "key.pem"),
  };
  await writeFile(files.caFile, authority.certPem);
  await writeFile(files.certFile, issued.certPem);
  await writeFile(files.keyFile, issued.keyPem, { mode: 0o600 });
  return { ...files, caPem: authority.certPem };
}
