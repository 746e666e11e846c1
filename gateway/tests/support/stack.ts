import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type EpochMs,
  idBytes,
  parseEpochMs,
  publicKeyBytes,
  publicKeyFromBytes,
} from "@cloister/base";
import {
  defaultRates,
  type GatewayDeps,
  type GatewayFault,
  type Rates,
  type RunningGateway,
  startGateway,
} from "@cloister/gateway";
import { accountNkeyFromBytes, parseMessage } from "@cloister/proto";
import { bodies } from "@cloister/rules";
import {
  firstDevice,
  type TestAccount,
  type TestDevice,
  type TestKey,
  TestOrg,
  testKey,
} from "@cloister/rules/testing";
import { createBox, NkeyPair, writeServiceCredentials } from "@cloister/server-kit";
import {
  createOrg,
  signAccount,
  signUser,
  startNats,
  type TestNats,
  type TestOrg as TestNatsOrg,
} from "@cloister/testkit";
import { FakeAccounts } from "./fake-accounts.ts";
import { type TestCaller, TestClient } from "./http-client.ts";

/** Runs as far ahead of the machine's clock as a test says. */
export class TestClock {
  aheadMs = 0;
  now(): EpochMs {
    return parseEpochMs(Date.now() + this.aheadMs);
  }
}

/** Generous, so that only the tests of limits meet one. */
export const testRates: Rates = {
  ...defaultRates,
  address: { calls: 100_000, seconds: 10 },
  caller: { calls: 100_000, seconds: 10 },
  claim: { calls: 1_000, seconds: 10 },
};

export interface Session {
  readonly device: TestDevice;
  readonly key: TestKey<"session">;
  readonly token: Uint8Array;
  readonly caller: TestCaller;
}

/** A real nats-server, a gateway on it, and an org that has authorised it. */
export class GatewayStack implements AsyncDisposable {
  readonly nats: TestNats;
  readonly natsOrg: TestNatsOrg;
  readonly accounts: FakeAccounts;
  readonly org: TestOrg;
  readonly gateway: RunningGateway;
  readonly client: TestClient;
  readonly clock: TestClock;
  readonly stateDir: string;
  readonly faults: GatewayFault[];
  readonly #startAnother: (deps?: GatewayDeps) => Promise<RunningGateway>;
  readonly #open: AsyncDisposableStack;

  private constructor(parts: StackParts) {
    this.nats = parts.nats;
    this.natsOrg = parts.natsOrg;
    this.accounts = parts.accounts;
    this.org = parts.org;
    this.gateway = parts.gateway;
    this.client = parts.client;
    this.clock = parts.clock;
    this.stateDir = parts.stateDir;
    this.faults = parts.faults;
    this.#startAnother = parts.startAnother;
    this.#open = parts.open;
  }

  static async start(seed = crypto.randomUUID()): Promise<GatewayStack> {
    await using open = new AsyncDisposableStack();
    const stateDir = await mkdtemp(join(tmpdir(), "cloister-gateway-"));
    open.defer(() => rm(stateDir, { recursive: true, force: true }));
    const nats = open.use(await startNats());
    const org = await TestOrg.create({ seed, startMs: parseEpochMs(Date.now() - 3_600_000) });
    const keys = { natsAccount: "", natsStoreAccount: "" };
    const accounts = open.use(
      await FakeAccounts.start({
        connection: (await nats.service("accounts")).connection,
        founding: org,
        accountsOf: () => keys,
      }),
    );
    const clock = new TestClock();
    const faults: GatewayFault[] = [];
    const config = await writeConfig(nats, stateDir);
    const startAnother = (deps: GatewayDeps = {}) =>
      startGateway(config, {
        clock,
        rates: testRates,
        accountsTimeoutMs: 2_000,
        onFault: (fault) => faults.push(fault),
        ...deps,
      });
    const gateway = open.use(await startAnother());
    const client = open.use(new TestClient({ port: gateway.port, caPem: nats.authority.certPem }));

    const reserved = await client.call("ReserveOrg", { claimSecret: accounts.claimSecret });
    const natsSigningKey = reserved.gateway?.natsSigningKey ?? new Uint8Array(0);
    const natsOrg = nativeOrg(nats, natsSigningKey);
    keys.natsAccount = natsOrg.account.publicKey;
    keys.natsStoreAccount = natsOrg.store.publicKey;
    await pushAccounts(nats, natsOrg);
    await client.call("CreateOrg", { claimSecret: accounts.claimSecret, genesis: genesisOf(org) });
    await gateway.ready;
    await org.submit(
      bodies.gatewaySet({
        key: publicKeyFromBytes("gateway", reserved.gateway?.signingKey ?? new Uint8Array(0)),
        natsSigningKey,
        revoked: false,
      }),
    );
    await accounts.publish(org);
    const kept = open.move();
    return new GatewayStack({
      nats,
      natsOrg,
      accounts,
      org,
      gateway,
      client,
      clock,
      stateDir,
      faults,
      startAnother,
      open: kept,
    });
  }

  /** Puts what the test appended to its org into the stream, and waits for nothing. */
  async sync(): Promise<void> {
    await this.accounts.publish(this.org);
  }

  /** Another gateway of the same fleet. */
  async another(deps?: GatewayDeps): Promise<{ gateway: RunningGateway; client: TestClient }> {
    const gateway = this.#open.use(await this.#startAnother(deps));
    await gateway.ready;
    return { gateway, client: this.clientOf(gateway) };
  }

  clientOf(gateway: RunningGateway): TestClient {
    const caPem = this.nats.authority.certPem;
    return this.#open.use(new TestClient({ port: gateway.port, caPem }));
  }

  /** A call of the device itself, at the log's newest head. */
  deviceCaller(device: TestDevice): TestCaller & { checkpoint: Uint8Array } {
    return {
      org: this.org.id,
      caller: { $case: "deviceId", value: idBytes(device.certificate.device) },
      signer: device.statement,
      checkpoint: this.org.replica.checkpoint.signed,
    };
  }

  sessionCaller(session: Session): TestCaller & { checkpoint: Uint8Array } {
    return { ...session.caller, checkpoint: this.org.replica.checkpoint.signed };
  }

  async signIn(account: TestAccount, client = this.client): Promise<Session> {
    const device = firstDevice(account);
    const key = testKey("session", { bytes: (n) => crypto.getRandomValues(new Uint8Array(n)) });
    const { sessionToken } = await client.call(
      "SignIn",
      { sessionKey: publicKeyBytes(key.publicKey) },
      { ...this.deviceCaller(device), timeMs: this.clock.now() },
    );
    return this.withToken({ device, key }, sessionToken);
  }

  withToken(session: Pick<Session, "device" | "key">, token: Uint8Array): Session {
    const { device, key } = session;
    return {
      device,
      key,
      token,
      caller: {
        org: this.org.id,
        caller: { $case: "sessionToken", value: token },
        signer: key,
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.disposeAsync();
  }
}

interface StackParts {
  readonly nats: TestNats;
  readonly natsOrg: TestNatsOrg;
  readonly accounts: FakeAccounts;
  readonly org: TestOrg;
  readonly gateway: RunningGateway;
  readonly client: TestClient;
  readonly clock: TestClock;
  readonly stateDir: string;
  readonly faults: GatewayFault[];
  readonly startAnother: (deps?: GatewayDeps) => Promise<RunningGateway>;
  readonly open: AsyncDisposableStack;
}

async function writeConfig(nats: TestNats, stateDir: string) {
  using box = await createBox(stateDir);
  const files = { gateway: "gateway", "gateway-log": "accounts" } as const;
  for (const [user, service] of Object.entries(files)) {
    const { account, key } = nats.fleet.services[service as "gateway" | "accounts"];
    const pair = NkeyPair.generate("user");
    const jwt = signUser({ account, key, user: pair });
    const path = join(stateDir, `${user}.sealed`);
    await writeServiceCredentials({ key: box, path, user }, { jwt, pair });
  }
  return {
    listen: { host: "127.0.0.1", port: 0 },
    tls: { certificateFile: nats.certFile, keyFile: nats.keyFile },
    nats: {
      servers: [nats.url],
      caFile: nats.caFile,
      credentialsFile: join(stateDir, "gateway.sealed"),
      logCredentialsFile: join(stateDir, "gateway-log.sealed"),
      replicas: 1,
    },
    publicNatsUrls: [nats.url],
    stateDir,
  };
}

/** The org's account whose scope template hangs on the gateway's own signing key. */
function nativeOrg(nats: TestNats, natsSigningKey: Uint8Array): TestNatsOrg {
  const made = createOrg({
    name: "acme",
    services: nats.fleet.services,
    diskBytes: 1024 ** 3,
  });
  const text = JSON.stringify(made.template);
  const gatewayKey = accountNkeyFromBytes(natsSigningKey);
  const template = JSON.parse(text.replaceAll(made.memberKey.publicKey, gatewayKey));
  return { ...made, template };
}

async function pushAccounts(nats: TestNats, org: TestNatsOrg): Promise<void> {
  const { connection } = await nats.service("system");
  for (const template of [org.storeTemplate, org.template]) {
    const jwt = signAccount(nats.fleet, template);
    const reply = await connection.request("$SYS.REQ.CLAIMS.UPDATE", jwt, { timeout: 5_000 });
    const { error } = reply.json<{ error?: unknown }>();
    if (error !== undefined) throw new Error(JSON.stringify(error));
  }
}

/** Encoded SignedStatement of the org's genesis. */
export function genesisOf(org: TestOrg): Uint8Array {
  const { entry } = parseMessage(
    "cloister.statements.v1.LogRecord",
    org.records[0] ?? new Uint8Array(0),
  );
  return parseMessage("cloister.statements.v1.LogEntry", entry).statement;
}
