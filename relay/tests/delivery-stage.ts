import { readFileSync } from "node:fs";
import { parseEpochMs, type RoomId } from "@cloister/base";
import { createPublicEngine } from "@cloister/group-engine/public";
import type { PublicEngine } from "@cloister/group-engine/types";
import { publicWasmHref } from "@cloister/group-engine/wasm-paths";
import { logSubject, streamNames } from "@cloister/proto";
import {
  type AppendStep,
  type CallLimits,
  connectOrg,
  openRelay,
  type Relay,
  type RelayTrouble,
} from "@cloister/relay";
import { type TestAccount, TestOrg } from "@cloister/rules/testing";
import { type TestOrg as NatsOrg, startNats, type TestNats } from "@cloister/testkit";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";

const publicModule = readFileSync(new URL(publicWasmHref));
const mebibyte = 1024 ** 2;

export interface StageOptions {
  readonly orgs?: readonly string[];
  readonly roomsBytes?: number;
  readonly callLimits?: CallLimits;
}

export interface RelayOptions {
  readonly atStep?: (step: AppendStep) => Promise<void>;
  readonly wrapEngine?: (engine: PublicEngine) => PublicEngine;
  /** True while accounts does not know the orgs yet. */
  readonly isUnknown?: () => boolean;
}

/** An org of the log with its accounts on the server. */
export interface StagedOrg {
  readonly log: TestOrg;
  readonly nats: NatsOrg;
  /** Puts into LOG what the test's log has and LOG lacks. */
  readonly publish: () => Promise<void>;
  /** A room of the owner's with these members, published. */
  readonly room: (members?: readonly TestAccount[]) => Promise<RoomId>;
}

/** A real nats-server with whole orgs, and relays that serve them. */
export class DeliveryStage implements AsyncDisposable {
  readonly nats: TestNats;
  readonly orgs: ReadonlyMap<string, StagedOrg>;
  readonly troubles: RelayTrouble[] = [];
  readonly #options: StageOptions;
  readonly #relays = new Set<Relay>();

  private constructor(nats: TestNats, orgs: Map<string, StagedOrg>, options: StageOptions) {
    this.nats = nats;
    this.orgs = orgs;
    this.#options = options;
  }

  static async start(options: StageOptions = {}): Promise<DeliveryStage> {
    const names = options.orgs ?? ["acme"];
    const nats = await startNats({ orgs: names });
    try {
      const orgs = await stageOrgs(nats, names);
      return new DeliveryStage(nats, orgs, options);
    } catch (error) {
      await nats[Symbol.asyncDispose]();
      throw error;
    }
  }

  org(name = "acme"): StagedOrg {
    const found = this.orgs.get(name);
    if (found === undefined) throw new Error(`no org ${name} on this stage`);
    return found;
  }

  /** Throws if a relay met anything that was not its callers' doing. */
  requireQuiet(): void {
    const [trouble] = this.troubles;
    if (trouble !== undefined) throw new Error(`while ${trouble.doing}`, { cause: trouble.error });
  }

  /** A relay process, as far as NATS can tell. All orgs share the first org's relay key. */
  async relay(options: RelayOptions = {}): Promise<Relay> {
    const delivery = await this.nats.service("delivery");
    const log = await this.nats.service("accounts");
    const [first] = this.orgs.values();
    if (first === undefined) throw new Error("a stage has an org");
    const sizes = {
      roomsBytes: this.#options.roomsBytes ?? 64 * mebibyte,
      filesBytes: 64 * mebibyte,
      maxDevices: 10_000,
      replicas: 1,
    };
    const relay = await openRelay({
      delivery: delivery.connection,
      log: log.connection,
      makeEngine: async () => {
        const engine = createPublicEngine(publicModule);
        return options.wrapEngine?.(engine) ?? engine;
      },
      signer: first.log.relay.key,
      announce: async () =>
        (options.isUnknown?.() === true ? [] : [...this.orgs.values()]).map(
          ({ log: { id }, nats: { account, store } }) => {
            return { org: id, account: account.publicKey, store: store.publicKey };
          },
        ),
      connectOrg: ({ org, store }) => {
        const found = [...this.orgs.values()].find(({ log: { id } }) => id === org);
        if (found === undefined) throw new Error("an org that nobody staged");
        return connectOrg({
          org,
          store,
          servers: [this.nats.url],
          caPem: this.nats.authority.certPem,
          signingKey: found.nats.relayKey,
          sizes,
        });
      },
      sizes: {
        handshakesBytes: 256 * mebibyte,
        stateBytes: 256 * mebibyte,
        keyPackagesBytes: 32 * mebibyte,
        replicas: 1,
      },
      now: () => parseEpochMs(Date.now()),
      onTrouble: (trouble) => this.troubles.push(trouble),
      callLimits: this.#options.callLimits,
      atStep: options.atStep,
    });
    const staged = {
      ...relay,
      [Symbol.asyncDispose]: async () => {
        this.#relays.delete(staged);
        await relay[Symbol.asyncDispose]();
        await delivery.connection.close();
        await log.connection.close();
      },
    };
    this.#relays.add(staged);
    return staged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#relays].map((relay) => relay[Symbol.asyncDispose]()));
    await this.nats[Symbol.asyncDispose]();
  }
}

async function stageOrgs(
  nats: TestNats,
  names: readonly string[],
): Promise<Map<string, StagedOrg>> {
  const { connection } = await nats.service("accounts");
  const manager = await jetstreamManager(connection);
  const config = { name: streamNames.log, subjects: ["log.*"], max_bytes: 64 * mebibyte };
  await manager.streams.add(config);
  const js = jetstream(connection);
  const orgs = new Map<string, StagedOrg>();
  const startMs = parseEpochMs(Date.now() - 600_000);
  for (const name of names) {
    const log = await TestOrg.create({ seed: `${name} ${process.pid}`, startMs });
    let published = 0;
    const publish = async () => {
      for (; published < log.records.length; published += 1) {
        await js.publish(logSubject(log.id), log.records[published] ?? new Uint8Array());
      }
    };
    const project = await log.createProject();
    const room = async (members: readonly TestAccount[] = []) => {
      const made = await log.createRoom({ project, members });
      await publish();
      return made;
    };
    await publish();
    orgs.set(name, { log, nats: nats.org(name), publish, room });
  }
  return orgs;
}
