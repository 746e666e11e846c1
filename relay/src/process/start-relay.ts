import { readFile } from "node:fs/promises";
import { parseEpochMs } from "@cloister/base";
import { createPublicEngine } from "@cloister/group-engine/public";
import { publicWasmHref } from "@cloister/group-engine/wasm-paths";
import {
  type BoxOptions,
  connectNats,
  openBox,
  type RunningService,
  readServiceCredentials,
  type SealingKey,
  type ServiceCredentials,
} from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";
import { openRelay, type Relay, type RelayTrouble } from "../open-relay.ts";
import { connectOrg, type OrgStreamSizes } from "../orgs/org-connection.ts";
import type { DeliverySizes } from "../store/delivery-streams.ts";
import { announceRelay } from "./announce.ts";
import { openRelayKeys } from "./relay-keys.ts";

export interface RelayConfig extends BoxOptions {
  /** The box's folder: its key, and `relay/` with the relay's own keys. */
  readonly stateDir: string;
  readonly natsUrls: readonly string[];
  readonly caFile: string;
  /** Sealed credentials in DELIVERY. */
  readonly credentialsFile: string;
  /** Sealed credentials in ACCOUNTS, for reading the log. */
  readonly logCredentialsFile: string;
  readonly deliverySizes: DeliverySizes;
  readonly orgSizes: OrgStreamSizes;
}

export interface StartRelayDeps {
  readonly onTrouble?: (trouble: RelayTrouble) => void;
}

/** Names that sealed credentials are bound to; accounts gives them. */
const users = { delivery: "relay", log: "relay-log" } as const;

/** Starts the Delivery Service over a nats-server that runs. Serves when this returns. */
export async function startRelay(
  config: RelayConfig,
  deps: StartRelayDeps = {},
): Promise<Relay & RunningService> {
  await using stack = new AsyncDisposableStack();
  const box = stack.use(await openBox(config.stateDir, config));
  const keys = stack.use(await openRelayKeys(config.stateDir, box));
  const caPem = await readFile(config.caFile, "utf8");
  const open = { config, box, caPem, stack };
  const delivery = await connectUser(open, users.delivery, config.credentialsFile);
  const log = await connectUser(open, users.log, config.logCredentialsFile);
  const user = delivery.credentials.pair.publicKey;
  const connection = delivery.connection;
  const module = await readFile(new URL(publicWasmHref));
  const relay = await openRelay({
    delivery: connection,
    log: log.connection,
    makeEngine: () => Promise.resolve(createPublicEngine(module)),
    signer: keys.signer,
    announce: () => announceRelay({ connection, user, keys }),
    connectOrg: ({ org, store }) =>
      connectOrg({
        org,
        store,
        servers: config.natsUrls,
        caPem,
        signingKey: keys.natsSigningKey,
        sizes: config.orgSizes,
      }),
    sizes: config.deliverySizes,
    now: () => parseEpochMs(Date.now()),
    onTrouble: deps.onTrouble ?? (() => undefined),
  });
  stack.use(relay);
  const running = stack.move();
  return {
    ...relay,
    ready: Promise.resolve(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

interface Opening {
  readonly config: RelayConfig;
  readonly box: SealingKey;
  readonly caPem: string;
  readonly stack: AsyncDisposableStack;
}

async function connectUser(
  { config, box, caPem, stack }: Opening,
  user: string,
  path: string,
): Promise<{ readonly connection: NatsConnection; readonly credentials: ServiceCredentials }> {
  const credentials = await readServiceCredentials({ key: box, path, user });
  stack.use(credentials.pair);
  const connection = await connectNats({
    servers: config.natsUrls,
    caPem,
    signer: credentials.pair,
    currentJwt: () => credentials.jwt,
    name: user,
  });
  stack.defer(() => connection.close());
  return { connection, credentials };
}
