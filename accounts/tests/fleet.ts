import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SecretBytes } from "@cloister/base";
import { type MethodName, parseUserNkey, type RequestOf, type ResponseOf } from "@cloister/proto";
import {
  callNats,
  connectNats,
  type NkeyPair,
  openBox,
  readServiceCredentials,
  serviceRequestSubject,
} from "@cloister/server-kit";
import type { NatsProcess } from "@cloister/testkit";
import type { NatsConnection } from "@nats-io/nats-core";
import {
  type AccountsConfig,
  type AccountsDeps,
  type AccountsService,
  type FleetFacts,
  initAccounts,
  issueClaim,
  type ServiceUserName,
  serviceCredentialsPath,
  startAccounts,
} from "../src/index.ts";
import { type NatsNodes, startNodes } from "./nats-nodes.ts";

/** A service of the fleet as another process would connect. */
export interface ServiceLink {
  readonly connection: NatsConnection;
  readonly pair: NkeyPair<"user">;
  call<Method extends AccountsMethod>(
    method: Method,
    request: RequestOf<AccountsMethodName<Method>>,
  ): Promise<ResponseOf<AccountsMethodName<Method>>>;
}

const service = "cloister.accounts.v1.AccountsService";
type AccountsMethodName<Method extends string> = Extract<MethodName, `${typeof service}/${Method}`>;
export type AccountsMethod = "ReserveOrg" | "CreateOrg" | "Submit" | "AnnounceRelay";

/** A box made by `initAccounts` with a real nats-server that preloads its tokens. */
export class TestBox implements AsyncDisposable {
  readonly stateDir: string;
  readonly facts: FleetFacts;
  readonly nodes: NatsNodes;
  readonly config: AccountsConfig;
  /** The operator's root as it was shown once. */
  readonly rootSeed: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: BoxParts) {
    this.stateDir = parts.stateDir;
    this.facts = parts.facts;
    this.nodes = parts.nodes;
    const { urls: natsUrls, caFile } = parts.nodes;
    this.config = { stateDir: parts.stateDir, natsUrls, caFile };
    this.rootSeed = parts.rootSeed;
    this.#stack = parts.stack;
  }

  get server(): NatsProcess {
    const [server] = this.nodes.servers;
    if (server === undefined) throw new Error("a box has a server");
    return server;
  }

  static async start(nodes = 1): Promise<TestBox> {
    await using stack = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), "cloister-box-"));
    stack.defer(() => rm(dir, { recursive: true, force: true }));
    const stateDir = join(dir, "state");
    let rootSeed = "";
    const facts = await initAccounts({
      stateDir,
      operatorName: "test",
      keepOperatorRoot: async (seed) => {
        rootSeed = seed.expose((bytes) => Buffer.from(bytes).toString());
      },
    });
    const started = await startNodes({ dir, facts, count: nodes });
    for (const server of started.servers) stack.use(server);
    return new TestBox({ stateDir, facts, rootSeed, nodes: started, stack: stack.move() });
  }

  async startAccounts(
    change: Partial<AccountsConfig> = {},
    deps: AccountsDeps = {},
  ): Promise<AccountsService> {
    const running = await startAccounts({ ...this.config, ...change }, deps);
    await running.ready;
    return running;
  }

  async claim(lifetimeMs?: number): Promise<Uint8Array> {
    const secret: SecretBytes = await issueClaim({
      stateDir: this.stateDir,
      ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
    });
    return secret.expose((bytes) => Uint8Array.from(bytes));
  }

  /** Connects with the credentials that `initAccounts` sealed. */
  async link(user: ServiceUserName): Promise<ServiceLink> {
    using key = await openBox(this.stateDir);
    const path = serviceCredentialsPath(this.stateDir, user);
    const { jwt, pair } = await readServiceCredentials({ key, path, user });
    const connection = await this.connect({ pair, jwt });
    return {
      connection,
      pair,
      call: (method, request) =>
        callNats({
          connection,
          subject: serviceRequestSubject({ service: "accounts", user: pair.publicKey, method }),
          method: `${service}/${method}` as AccountsMethodName<typeof method>,
          request,
          timeoutMs: 10_000,
        }),
    };
  }

  async connect(input: {
    readonly pair: NkeyPair<"user">;
    readonly jwt: string;
    readonly maxReconnectAttempts?: number;
  }): Promise<NatsConnection> {
    parseUserNkey(input.pair.publicKey);
    const connection = await connectNats({
      servers: this.config.natsUrls,
      caPem: this.nodes.caPem,
      signer: input.pair,
      currentJwt: () => input.jwt,
      name: "test",
      timeoutMs: 5_000,
      maxReconnectAttempts: input.maxReconnectAttempts ?? -1,
    });
    this.#stack.defer(() => connection.close());
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

interface BoxParts {
  readonly stateDir: string;
  readonly facts: FleetFacts;
  readonly nodes: NatsNodes;
  readonly rootSeed: string;
  readonly stack: AsyncDisposableStack;
}

export async function bytesBelow(directory: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const read = files.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path, await readFile(path)] as const;
  });
  return new Map(await Promise.all(read));
}
