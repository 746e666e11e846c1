import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  type AccountsService,
  initAccounts,
  issueClaim,
  serviceCredentialsPath,
  startAccounts,
} from "@cloister/accounts";
import {
  callNats,
  connectNats,
  createCertificateAuthority,
  freePorts,
  issueServerCertificate,
  type NkeyPair,
  natsConfigText,
  openBox,
  readServiceCredentials,
  resolveNatsServer,
  serviceRequestSubject,
} from "@cloister/server-kit";
import { NatsProcess, natsModuleDir } from "@cloister/testkit";
import type { NatsConnection } from "@nats-io/nats-core";

/** The real accounts and a real nats-server on one box; the gateway runs as the process that it is. */
export class LiveBox implements AsyncDisposable {
  readonly caPem: string;
  readonly natsUrl: string;
  readonly gatewayPort: number;
  readonly #dir: string;
  readonly #open: AsyncDisposableStack;
  #accounts: AccountsService | undefined;

  private constructor(parts: {
    readonly caPem: string;
    readonly natsUrl: string;
    readonly gatewayPort: number;
    readonly dir: string;
    readonly open: AsyncDisposableStack;
  }) {
    this.caPem = parts.caPem;
    this.natsUrl = parts.natsUrl;
    this.gatewayPort = parts.gatewayPort;
    this.#dir = parts.dir;
    this.#open = parts.open;
  }

  static async start(): Promise<LiveBox> {
    await using open = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), "cloister-live-"));
    open.defer(() => rm(dir, { recursive: true, force: true }));
    const facts = await initAccounts({
      stateDir: join(dir, "state"),
      operatorName: "test",
      keepOperatorRoot: async () => undefined,
    });
    const [natsPort = 0, gatewayPort = 0] = await freePorts(2);
    const caPem = await writeTls(dir);
    const text = natsConfigText({
      serverName: "box",
      listen: { host: "127.0.0.1", port: natsPort },
      tls: {
        certFile: join(dir, "cert.pem"),
        keyFile: join(dir, "key.pem"),
        caFile: join(dir, "ca.pem"),
      },
      dataDir: join(dir, "nats"),
      maxFileStoreBytes: 256 * 1024 ** 3,
      jetStreamKeyVariable: "CLOISTER_JETSTREAM_KEY",
      operatorJwt: facts.operatorJwt,
      systemAccount: facts.accounts.system,
      preload: facts.preload,
    });
    await writeFile(join(dir, "nats.conf"), text, { mode: 0o600 });
    const binary = await resolveNatsServer({ moduleDir: natsModuleDir });
    const server = open.use(
      new NatsProcess({
        binary: binary.path,
        configFile: join(dir, "nats.conf"),
        logFile: join(dir, "nats.log"),
        port: natsPort,
        environment: { CLOISTER_JETSTREAM_KEY: `k${randomBytes(32).toString("hex")}` },
      }),
    );
    await server.start();
    const natsUrl = `tls://127.0.0.1:${natsPort}`;
    return new LiveBox({ caPem, natsUrl, gatewayPort, dir, open: open.move() });
  }

  async startAccounts(): Promise<void> {
    this.#accounts = await startAccounts({
      stateDir: join(this.#dir, "state"),
      natsUrls: [this.natsUrl],
      caFile: join(this.#dir, "ca.pem"),
    });
    await this.#accounts.ready;
  }

  async stopAccounts(): Promise<void> {
    await this.#accounts?.[Symbol.asyncDispose]();
    this.#accounts = undefined;
  }

  async claim(): Promise<Uint8Array> {
    using secret = await issueClaim({ stateDir: join(this.#dir, "state") });
    return secret.expose((bytes) => Uint8Array.from(bytes));
  }

  /** What a relay does at its start, so that accounts can name its keys. */
  async announceRelay(keys: { relayKey: Uint8Array; natsSigningKey: Uint8Array }): Promise<void> {
    using key = await openBox(join(this.#dir, "state"));
    const path = serviceCredentialsPath(join(this.#dir, "state"), "relay");
    const { jwt, pair } = await readServiceCredentials({ key, path, user: "relay" });
    const connection = await this.connect(jwt, pair);
    const method = "AnnounceRelay";
    await callNats({
      connection,
      subject: serviceRequestSubject({ service: "accounts", user: pair.publicKey, method }),
      method: `cloister.accounts.v1.AccountsService/${method}`,
      request: keys,
      timeoutMs: 10_000,
    });
  }

  async connect(jwt: string, signer: NkeyPair<"user">): Promise<NatsConnection> {
    const connection = await connectNats({
      servers: [this.natsUrl],
      caPem: this.caPem,
      signer,
      currentJwt: () => jwt,
      name: "test",
      timeoutMs: 5_000,
      maxReconnectAttempts: 0,
    });
    this.#open.defer(() => connection.close());
    return connection;
  }

  /** Starts `main.ts` as an operator's unit would, and waits until it says that it serves. */
  async startGatewayProcess(): Promise<{ stop(): Promise<number | null>; log(): string }> {
    const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
    const readyFile = join(this.#dir, `ready-${randomBytes(4).toString("hex")}`);
    const child = spawn(process.execPath, [main], {
      env: { ...this.#gatewayEnvironment(), CLOISTER_READY_FILE: readyFile },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let log = "";
    child.stderr.on("data", (data: Buffer) => {
      log += data.toString();
    });
    this.#open.defer(async () => void (await ended(child, "SIGKILL")));
    const deadline = Date.now() + 20_000;
    while ((await readFile(readyFile, "utf8").catch(() => "")) === "") {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`not ready:\n${log}`);
      await delay(20);
    }
    return { stop: () => ended(child, "SIGTERM"), log: () => log };
  }

  #gatewayEnvironment(): Record<string, string> {
    const stateDir = join(this.#dir, "state");
    return {
      CLOISTER_STATE_DIR: stateDir,
      CLOISTER_NATS_URLS: this.natsUrl,
      CLOISTER_NATS_CA_FILE: join(this.#dir, "ca.pem"),
      CLOISTER_GATEWAY_HOST: "127.0.0.1",
      CLOISTER_GATEWAY_PORT: String(this.gatewayPort),
      CLOISTER_GATEWAY_TLS_CERT_FILE: join(this.#dir, "cert.pem"),
      CLOISTER_GATEWAY_TLS_KEY_FILE: join(this.#dir, "key.pem"),
      CLOISTER_GATEWAY_CREDENTIALS_FILE: serviceCredentialsPath(stateDir, "gateway"),
      CLOISTER_GATEWAY_LOG_CREDENTIALS_FILE: serviceCredentialsPath(stateDir, "gateway-log"),
      CLOISTER_PUBLIC_NATS_URLS: this.natsUrl,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAccounts();
    await this.#open.disposeAsync();
  }
}

async function writeTls(dir: string): Promise<string> {
  const nowMs = Date.now();
  const authority = await createCertificateAuthority({ name: "test", nowMs });
  const hosts = ["localhost", "127.0.0.1"];
  const issued = await issueServerCertificate(authority, { hosts, nowMs });
  await writeFile(join(dir, "ca.pem"), authority.certPem);
  await writeFile(join(dir, "cert.pem"), issued.certPem);
  await writeFile(join(dir, "key.pem"), issued.keyPem, { mode: 0o600 });
  return authority.certPem;
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }
  return child.exitCode;
}
