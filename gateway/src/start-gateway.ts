import { readFile } from "node:fs/promises";
import { type Clock, type Random, version } from "@cloister/base";
import {
  openBox,
  openSealedBucket,
  type SealingKey,
  serviceRequestSubject,
} from "@cloister/server-kit";
import { jetstream } from "@nats-io/jetstream";
import { natsAccountsClient } from "./accounts-client.ts";
import type { GatewayConfig } from "./config.ts";
import { openGatewayDataKey } from "./data-key.ts";
import { FactorBook } from "./factors/factor-book.ts";
import { totpFactor } from "./factors/totp.ts";
import type { GatewayParts } from "./gateway-parts.ts";
import { type ListeningServer, listenHttps } from "./http/https-server.ts";
import { OrgAccounts } from "./keys/org-accounts.ts";
import { OrgKeyBook } from "./keys/org-keys.ts";
import { MAX_NONCE_BUCKET_BYTES, MAX_STATE_BUCKET_BYTES, NONCE_LIFE_MS } from "./limits.ts";
import { type FollowedLogs, followLogs } from "./log-port.ts";
import { type NatsLinks, openNatsLinks } from "./nats-links.ts";
import { systemClock, systemRandom } from "./platform.ts";
import { RateLimits, type Rates } from "./rate-limits.ts";
import { createAnswerer } from "./rpc/answer-call.ts";
import { servedMethods } from "./rpc/method-table.ts";
import { NonceRegister } from "./state/nonce-register.ts";
import { stateBucket } from "./state/state-bucket.ts";

export interface GatewayFault {
  readonly error: unknown;
  /** Method of the call, or "log". */
  readonly method: string;
}

export interface GatewayDeps {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly rates?: Rates;
  readonly accountsTimeoutMs?: number;
  /** Told of what went wrong and was nobody's answer. */
  readonly onFault?: (fault: GatewayFault) => void;
}

export interface RunningGateway extends AsyncDisposable {
  readonly port: number;
  /** Resolves once the statements log has been read. */
  readonly ready: Promise<void>;
}

/** Starts a gateway; disposing it answers what was begun, then lets go of everything. */
export async function startGateway(
  config: GatewayConfig,
  deps: GatewayDeps = {},
): Promise<RunningGateway> {
  await using started = new AsyncDisposableStack();
  const box = started.use(await openBox(config.stateDir));
  const dataKey = started.use(await openGatewayDataKey(config.stateDir, box));
  const links = started.use(await openNatsLinks(config.nats, box));
  const onFault = deps.onFault ?? (() => undefined);
  const followed = started.use(
    followLogs(links.log, ({ error }) => onFault({ error, method: "log" })),
  );
  const parts = await assemble({ config, deps, links, dataKey, followed });
  const listener = started.use(await listen(config, parts));
  const kept = started.move();
  return {
    port: listener.port,
    ready: followed.ready,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

interface Assembly {
  readonly config: GatewayConfig;
  readonly deps: GatewayDeps;
  readonly links: NatsLinks;
  readonly dataKey: SealingKey;
  readonly followed: FollowedLogs;
}

async function assemble({
  config,
  deps,
  links,
  dataKey,
  followed,
}: Assembly): Promise<GatewayParts> {
  const clock = deps.clock ?? systemClock;
  const random = deps.random ?? systemRandom;
  const { state, nonces } = await openBuckets(config, links, dataKey);
  return {
    version,
    natsUrls: config.publicNatsUrls,
    clock,
    random,
    logs: followed.logs,
    accounts: natsAccountsClient({
      connection: links.gateway,
      subjectOf: (method) =>
        serviceRequestSubject({ service: "accounts", user: links.gatewayUser, method }),
      timeoutMs: deps.accountsTimeoutMs,
    }),
    orgKeys: new OrgKeyBook({ bucket: state, random }),
    orgAccounts: new OrgAccounts(state),
    factors: new FactorBook({ bucket: state, methods: [totpFactor], clock, random }),
    nonces: new NonceRegister(nonces),
    rates: new RateLimits(deps.rates),
    onFault: (error, { method }) => deps.onFault?.({ error, method }),
  };
}

async function openBuckets(config: GatewayConfig, links: NatsLinks, key: SealingKey) {
  const jetStream = jetstream(links.gateway);
  const { replicas } = config.nats;
  const state = await openSealedBucket(jetStream, {
    name: "gateway-state",
    key,
    maxBytes: MAX_STATE_BUCKET_BYTES,
    replicas,
  });
  const nonces = await openSealedBucket(jetStream, {
    name: "gateway-nonces",
    key,
    maxBytes: MAX_NONCE_BUCKET_BYTES,
    replicas,
    ttlMs: NONCE_LIFE_MS,
  });
  return { state: stateBucket(state), nonces: stateBucket(nonces) };
}

async function listen(config: GatewayConfig, parts: GatewayParts): Promise<ListeningServer> {
  const answer = createAnswerer(parts);
  return listenHttps({
    ...config.listen,
    certificatePem: await readFile(config.tls.certificateFile, "utf8"),
    privateKeyPem: await readFile(config.tls.keyFile, "utf8"),
    admitAddress: (address) => parts.rates.take("address", address),
    methods: servedMethods().map(({ name, maxBodyBytes }) => ({
      name,
      maxBodyBytes,
      answer: ({ body, address }) => answer({ method: name, body, address }),
    })),
  });
}
