import { readFile } from "node:fs/promises";
import { type Clock, type OrgId, parseEpochMs } from "@cloister/base";
import { inboxPrefix } from "@cloister/proto";
import {
  type BoxOptions,
  connectNats,
  createDispatcher,
  NatsService,
  openBox,
  openDataKey,
  openSealedBucket,
  parseServiceSubject,
  readServiceCredentials,
  type SealingKey,
  serviceSubscription,
} from "@cloister/server-kit";
import { jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { removeWaitingClaim, waitingClaims } from "../claims/claim-file.ts";
import { Claims } from "../claims/claims.ts";
import { readFleet } from "../init/fleet-file.ts";
import { openOperatorKey } from "../init/init-accounts.ts";
import { accountsDir, dataKeyPath, serviceCredentialsPath } from "../init/paths.ts";
import type { ServiceUserName } from "../init/service-users.ts";
import { CALL_TIMEOUT_MS, CONFIRM_TIMEOUT_MS, DEFAULT_STORAGE } from "../limits.ts";
import { LogStream } from "../log/log-stream.ts";
import { createAccountPusher } from "../nats/account-pusher.ts";
import { OrgAccounts } from "../org/org-accounts.ts";
import { Orgs } from "../org/orgs.ts";
import { openRecords, type Records } from "../org/records.ts";
import {
  accountsHandlers,
  accountsServiceName,
  admitService,
  type ServiceCaller,
} from "./handlers.ts";
import { Reconciler } from "./reconciler.ts";

export interface AccountsConfig extends BoxOptions {
  readonly stateDir: string;
  readonly natsUrls: readonly string[];
  readonly caFile: string;
  /** Copies of each stream; one where there is one server. */
  readonly replicas?: number;
  readonly logBytes?: number;
  readonly bucketBytes?: number;
  readonly orgBytes?: number;
  readonly reconcileIntervalMs?: number;
}

export interface AccountsDeps {
  readonly clock?: Clock;
  /** Told of what went wrong and is not a caller's doing. */
  readonly onTrouble?: (
    error: unknown,
    about: { readonly org?: OrgId; readonly method?: string },
  ) => void;
}

export interface AccountsService extends AsyncDisposable {
  /** Resolves once calls are answered. */
  readonly ready: Promise<void>;
}

const systemClock: Clock = { now: () => parseEpochMs(Date.now()) };

/** Starts the service: any number of processes may run over the same JetStream. */
export async function startAccounts(
  config: AccountsConfig,
  deps: AccountsDeps = {},
): Promise<AccountsService> {
  await using stack = new AsyncDisposableStack();
  const clock = deps.clock ?? systemClock;
  const onTrouble = deps.onTrouble ?? (() => undefined);
  const { accounts } = await readFleet(config.stateDir);
  const box = stack.use(await openBox(config.stateDir, config));
  const path = dataKeyPath(accountsDir(config.stateDir));
  const key = stack.use(await openDataKey({ box, path, owner: "accounts" }));
  const signer = stack.use(await openOperatorKey(config.stateDir, box));
  const system = await connectUser({ config, box, user: "accounts-system" }, stack);
  const own = await connectUser({ config, box, user: "accounts" }, stack);
  const log = await connectUser({ config, box, user: "accounts-log" }, stack);

  const replicas = config.replicas ?? 1;
  const stream = await LogStream.open({
    connection: log.connection,
    maxBytes: config.logBytes ?? DEFAULT_STORAGE.logBytes,
    replicas,
  });
  const bucket = await openSealedBucket(jetstream(own.connection), {
    name: "ACCOUNTS",
    key,
    maxBytes: config.bucketBytes ?? DEFAULT_STORAGE.bucketBytes,
    replicas,
  });
  const records = openRecords(bucket);
  const takeIn = () => takeInClaims({ stateDir: config.stateDir, box, records });
  const orgs = new Orgs({
    records,
    stream,
    clock,
    claims: new Claims({ records, clock, takeIn }),
    accounts: new OrgAccounts({
      records,
      pusher: createAccountPusher({ ...system, timeoutMs: CONFIRM_TIMEOUT_MS }),
      signer,
      services: accounts,
      orgDiskBytes: config.orgBytes ?? DEFAULT_STORAGE.orgBytes,
      clock,
    }),
  });
  stack.use(
    new Reconciler({
      prepare: async () => {
        await takeIn();
        await orgs.finishFoundings();
      },
      orgs: () => orgs.all(),
      repair: (org) => orgs.repair(org),
      onTrouble,
      ...(config.reconcileIntervalMs === undefined
        ? {}
        : { intervalMs: config.reconcileIntervalMs }),
    }),
  );
  stack.use(
    new NatsService<ServiceCaller, ServiceCaller>({
      connection: own.connection,
      subject: serviceSubscription("accounts"),
      queue: "accounts",
      parseSubject: parseCall,
      admit: admitService(accounts),
      dispatch: createDispatcher({
        service: accountsServiceName,
        handlers: accountsHandlers(orgs),
        timeoutMs: CALL_TIMEOUT_MS,
        onFault: onTrouble,
      }),
    }),
  );
  const running = stack.move();
  return {
    ready: own.connection.flush(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function parseCall(subject: string) {
  const call = parseServiceSubject("accounts", subject);
  if (call === undefined) return undefined;
  return { method: call.method, caller: { account: call.account } };
}

interface UserConnection {
  readonly connection: NatsConnection;
  readonly inboxPrefix: string;
}

async function connectUser(
  input: {
    readonly config: AccountsConfig;
    readonly box: SealingKey;
    readonly user: ServiceUserName;
  },
  stack: AsyncDisposableStack,
): Promise<UserConnection> {
  const { config, box, user } = input;
  const path = serviceCredentialsPath(config.stateDir, user);
  const credentials = await readServiceCredentials({ key: box, path, user });
  stack.use(credentials.pair);
  const connection = await connectNats({
    servers: config.natsUrls,
    caPem: await readFile(config.caFile, "utf8"),
    signer: credentials.pair,
    currentJwt: () => credentials.jwt,
    name: user,
  });
  stack.defer(() => connection.close());
  return { connection, inboxPrefix: inboxPrefix(credentials.pair.publicKey) };
}

/** Moves claims from the state directory into the bucket: created once, whoever takes them in. */
async function takeInClaims(input: {
  readonly stateDir: string;
  readonly box: SealingKey;
  readonly records: Records;
}): Promise<void> {
  const { stateDir, box, records } = input;
  for (const { hash, expiresMs } of await waitingClaims(stateDir, box)) {
    await records.claims.create(hash, { state: "open", expiresMs });
    await removeWaitingClaim(stateDir, hash);
  }
}
