import { setTimeout as sleep } from "node:timers/promises";
import { type EpochMs, type OrgId, type Signer } from "@cloister/base";
import { type LogReplica, relayAt } from "@cloister/rules";
import {
  createDispatcher,
  LogFollower,
  type LogTrouble,
  memberRules,
  NatsService,
  parseServiceSubject,
  type ServiceCaller,
  serviceSubscription,
} from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";
import { relayErrors } from "./errors.ts";
import { CallLimiter, type CallLimits } from "./handlers/call-limiter.ts";
import type { AppendStep, DeliveryContext } from "./handlers/context.ts";
import { deliveryHandlers, deliveryService } from "./handlers/delivery-handlers.ts";
import { admitDevice, type DeviceCaller } from "./handlers/device-caller.ts";
import { InboxWatch } from "./inbox/inbox-watch.ts";
import { KeyPackageStore } from "./key-packages/key-package-store.ts";
import { CALL_TIMEOUT_MS, LOG_READY_MS } from "./limits.ts";
import type { OrgConnection } from "./orgs/org-connection.ts";
import { type OrgAccount, OrgDirectory } from "./orgs/org-directory.ts";
import { EngineHost, type MakeEngine } from "./rooms/engine-host.ts";
import { FenceWriter } from "./rooms/fence-writer.ts";
import { healFences } from "./rooms/heal-fences.ts";
import { RoomCache } from "./rooms/room-cache.ts";
import { RoomStore } from "./rooms/room-store.ts";
import { type DeliverySizes, ensureDeliveryStreams } from "./store/delivery-streams.ts";
import { JetStreamApi } from "./store/jetstream-api.ts";

export interface RelayTrouble extends LogTrouble {
  /** What was being done: "log", "org", "call". */
  readonly doing: string;
}

export interface RelayDeps {
  /** In DELIVERY, under the delivery scope. */
  readonly delivery: NatsConnection;
  /** In ACCOUNTS, reading the log. */
  readonly log: NatsConnection;
  readonly makeEngine: MakeEngine;
  readonly signer: Signer<"relay">;
  readonly announce: () => Promise<readonly OrgAccount[]>;
  readonly connectOrg: (at: OrgAccount) => Promise<OrgConnection>;
  readonly sizes: DeliverySizes;
  readonly now: () => EpochMs;
  readonly onTrouble: (trouble: RelayTrouble) => void;
  readonly callLimits?: CallLimits | undefined;
  /** For tests: called at the moments of an append that a crash can fall between. */
  readonly atStep?: ((step: AppendStep) => Promise<void>) | undefined;
}

export interface Relay extends AsyncDisposable {
  readonly log: LogFollower<LogReplica>;
  readonly directory: OrgDirectory;
}

/** The Delivery Service over connections that are open. Serves when this returns. */
export async function openRelay(deps: RelayDeps): Promise<Relay> {
  const closing = new AsyncDisposableStack();
  try {
    const relay = await assemble(deps, closing);
    return { ...relay, [Symbol.asyncDispose]: () => closing.disposeAsync() };
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

async function assemble(
  deps: RelayDeps,
  closing: AsyncDisposableStack,
): Promise<Omit<Relay, typeof Symbol.asyncDispose>> {
  const delivery = new JetStreamApi(deps.delivery);
  await ensureDeliveryStreams(delivery, deps.sizes);
  const engine = closing.use(new EngineHost(deps.makeEngine));
  const store = new RoomStore({ api: delivery, engine });
  const rooms = closing.use(new RoomCache({ store, engine }));
  const log = closing.use(followLog(deps));
  await inTime(log.ready);
  const orgApi = (org: OrgId) => directory.api(org);
  const fences = new FenceWriter({ delivery, orgApi, signer: deps.signer });
  const inboxes = closing.use(new InboxWatch({ log, orgApi, onTrouble: troubleOf(deps, "inbox") }));
  const directory: OrgDirectory = closing.use(
    new OrgDirectory({
      delivery,
      announce: deps.announce,
      connect: deps.connectOrg,
      authorised: () => authorisedOrgs(log, deps.signer),
      onConnected: async ({ org, api }) => {
        await inboxes.checkAll(org, api);
        await healFences({ org, delivery, fences });
      },
      onTrouble: troubleOf(deps, "org"),
    }),
  );
  await directory.start();
  closing.use(log.onChange(({ replica }) => changesOrgs(replica) && directory.refresh()));
  const keyPackages = new KeyPackageStore(delivery);
  const atStep = deps.atStep ?? (() => Promise.resolve());
  const { now } = deps;
  closing.use(
    serve(deps, { log, directory, engine, rooms, store, fences, keyPackages, now, atStep }),
  );
  await deps.delivery.flush();
  return { log, directory };
}

/** A start that waits for ever could not be told from one that is stuck: its supervisor tries anew. */
async function inTime(ready: Promise<void>): Promise<void> {
  const timer = new AbortController();
  const late = sleep(LOG_READY_MS, undefined, { signal: timer.signal }).then(() => {
    throw relayErrors.ERR_RELAY_LOG_LATE("the statements logs cannot be read");
  });
  try {
    await Promise.race([ready, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}

function followLog(deps: RelayDeps): LogFollower<LogReplica> {
  return new LogFollower({
    connection: deps.log,
    rules: memberRules(),
    onTrouble: (trouble) => deps.onTrouble({ doing: "log", ...trouble }),
  });
}

function serve(deps: RelayDeps, context: DeliveryContext): AsyncDisposable {
  const limiter = new CallLimiter({ ...(deps.callLimits && { limits: deps.callLimits }) });
  const dispatch = createDispatcher<typeof deliveryService, DeviceCaller>({
    service: deliveryService,
    handlers: deliveryHandlers(context, limiter),
    timeoutMs: CALL_TIMEOUT_MS,
    onFault: (error) => deps.onTrouble({ doing: "call", error }),
  });
  return new NatsService<ServiceCaller, DeviceCaller>({
    connection: deps.delivery,
    subject: serviceSubscription("ds"),
    queue: "delivery",
    parseSubject: (subject) => {
      const caller = parseServiceSubject("ds", subject);
      return caller === undefined ? undefined : { method: caller.method, caller };
    },
    // Every method of this service is for devices; the access rule of another would refuse.
    admit: (caller) => admitDevice(context, caller),
    dispatch,
  });
}

/** An org whose log is refused authorises nobody. */
function authorisedOrgs(
  log: LogFollower<LogReplica>,
  { publicKey: key }: Signer<"relay">,
): Set<OrgId> {
  const authorises = (org: OrgId) => {
    try {
      const replica = log.replica(org);
      return (
        replica !== undefined && relayAt(replica.state, { key, at: replica.size }) !== undefined
      );
    } catch {
      return false;
    }
  };
  return new Set(log.orgs().filter(authorises));
}

function changesOrgs({ entry }: LogReplica): boolean {
  return entry.statement?.body?.$case === "relaySet";
}

function troubleOf(deps: RelayDeps, doing: string) {
  return (trouble: LogTrouble) => deps.onTrouble({ doing, ...trouble });
}
