import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type CertificateAuthority,
  connectNats,
  createCertificateAuthority,
  freePorts,
  NkeyPair,
  natsConfigText,
  resolveNatsServer,
} from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";
import { createFleet, preloadOf, signUser, type TestFleet, type TestOrg } from "./nats-fleet.ts";
import { NatsProcess } from "./nats-process.ts";
import { writeTls } from "./test-tls.ts";

/** Folder whose go.mod pins the server. */
export const natsModuleDir = fileURLToPath(new URL("../../deploy/servers/nats", import.meta.url));

export interface StartNatsOptions {
  /** Names of the orgs that get an account from the start. */
  readonly orgs?: readonly string[];
  readonly orgDiskBytes?: number;
  readonly signal?: AbortSignal;
}

/** A connection of a test with the key pair behind it. */
export interface TestUser {
  readonly connection: NatsConnection;
  readonly pair: NkeyPair<"user">;
  readonly jwt: string;
}

export interface TestNats extends AsyncDisposable {
  readonly url: string;
  readonly websocketUrl: string;
  readonly monitorUrl: string;
  readonly port: number;
  readonly authority: CertificateAuthority;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly dataDir: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly fleet: TestFleet;
  readonly process: NatsProcess;
  org(name: string): TestOrg;
  /** Connects any user; tests close it, or leave that to the end of the server. */
  connect(input: ConnectInput): Promise<TestUser>;
  /** Connects as a device with these rooms. */
  member(org: TestOrg, rooms: readonly string[], pair?: NkeyPair<"user">): Promise<TestUser>;
  /** Connects as the relay inside an org. */
  relay(org: TestOrg): Promise<TestUser>;
  /** Connects as a service in its own account. */
  service(name: keyof TestFleet["services"]): Promise<TestUser>;
}

export interface ConnectInput {
  readonly jwt: string | (() => string);
  readonly pair: NkeyPair<"user">;
  readonly name?: string;
  readonly maxReconnectAttempts?: number;
}

/** The real nats-server in operator mode, as a relay runs it: TLS 1.3, WebSocket, cipher, fsync. */
export async function startNats(options: StartNatsOptions = {}): Promise<TestNats> {
  const binary = await resolveNatsServer({ moduleDir: natsModuleDir, signal: options.signal });
  const dir = await mkdtemp(join(tmpdir(), "cloister-nats-"));
  const fleet = createFleet(options);
  const authority = await createCertificateAuthority({ name: "test fleet", nowMs: Date.now() });
  const tls = await writeTls(dir, authority);
  const [port = 0, websocketPort = 0, monitorPort = 0] = await freePorts(3);
  const configFile = join(dir, "nats.conf");
  const host = "127.0.0.1";
  const text = natsConfigText({
    serverName: "test",
    listen: { host, port },
    websocket: { host, port: websocketPort },
    monitorPort,
    tls,
    dataDir: join(dir, "data"),
    maxFileStoreBytes: 64 * 1024 ** 3,
    jetStreamKeyVariable: "CLOISTER_JETSTREAM_KEY",
    operatorJwt: fleet.operatorJwt,
    systemAccount: fleet.services.system.account.publicKey,
    preload: preloadOf(fleet),
  });
  await writeFile(configFile, text, { mode: 0o600 });
  const logFile = join(dir, "nats.log");
  // A letter first: the configuration reads a value that starts with a digit as a number.
  const environment = { CLOISTER_JETSTREAM_KEY: `k${randomBytes(32).toString("hex")}` };
  const server = new NatsProcess({ binary: binary.path, configFile, logFile, port, environment });
  await server.start();
  const connections = new Set<NatsConnection>();
  const url = `tls://${host}:${port}`;

  const connect: TestNats["connect"] = async (input) => {
    const { jwt, pair } = input;
    const connection = await connectNats({
      servers: [url],
      caPem: authority.certPem,
      signer: pair,
      currentJwt: typeof jwt === "string" ? () => jwt : jwt,
      name: input.name ?? "test",
      timeoutMs: 5_000,
      maxReconnectAttempts: input.maxReconnectAttempts ?? 0,
    });
    connections.add(connection);
    return { connection, pair, jwt: typeof jwt === "string" ? jwt : jwt() };
  };
  const org: TestNats["org"] = (name) => {
    const found = fleet.orgs.get(name);
    if (found === undefined) throw new Error(`the test did not ask for an org ${name}`);
    return found;
  };
  return {
    url,
    websocketUrl: `wss://${host}:${websocketPort}`,
    monitorUrl: `http://${host}:${monitorPort}`,
    port,
    authority,
    ...tls,
    dataDir: join(dir, "data"),
    configFile,
    logFile,
    fleet,
    process: server,
    org,
    connect,
    member: async (from, rooms, pair = NkeyPair.generate("user")) => {
      const tags = rooms.map((room) => `room:${room}`);
      const { account, memberKey: key } = from;
      return connect({ pair, jwt: signUser({ account, key, user: pair, tags }) });
    },
    relay: async ({ store: account, relayKey: key }) => {
      const pair = NkeyPair.generate("user");
      return connect({ pair, jwt: signUser({ account, key, user: pair }) });
    },
    service: async (name) => {
      const pair = NkeyPair.generate("user");
      const { account, key } = fleet.services[name];
      return connect({ pair, jwt: signUser({ account, key, user: pair }) });
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled([...connections].map((connection) => connection.close()));
      await server[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
