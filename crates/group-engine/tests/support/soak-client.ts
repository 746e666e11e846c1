import { EngineError } from "@cloister/group-engine/errors";
import type { CommitBundle, CommitOptions } from "@cloister/group-engine/types";
import { Device, emptyBytes, hex, utf8 } from "./engines.ts";
import type { Random } from "./random.ts";
import type { SoakRelay, StreamRecord, Submission, Verdict } from "./soak-relay.ts";

/** What client-core keeps beside the engine's entries, in the same transaction. */
interface Saved {
  isMember: boolean;
  /** Next record of the stream. */
  position: number;
  /** First record this membership can read. */
  since: number;
  readonly read: Set<string>;
  readonly outbox: Map<string, string>;
  /** An external join whose answer has not come. */
  attempt: { readonly epoch: bigint; readonly commit: Uint8Array } | undefined;
}

/** Authenticator of each epoch, from whoever reached it first. */
export type Authenticators = Map<bigint, string>;

/** One device's client, with every crash it may suffer. */
export class SoakClient {
  readonly device: Device;
  readonly #groupId: Uint8Array;
  readonly #random: Random;
  readonly #authenticators: Authenticators;
  #disk: Saved;
  now: Saved;

  constructor(name: string, world: SoakWorld) {
    this.device = new Device(name, world.random);
    this.#groupId = world.groupId;
    this.#random = world.random;
    this.#authenticators = world.authenticators;
    this.#disk = freshState();
    this.now = freshState();
  }

  get name(): string {
    return this.device.name;
  }

  get ownLeaf(): number {
    return this.device.engine.ownLeafIndex(this.#groupId);
  }

  found(): { groupInfo: Uint8Array; ratchetTree: Uint8Array } {
    const created = this.device.engine.createGroup({
      groupId: this.#groupId,
      contextExtension: utf8("soak"),
    });
    this.#enter(0);
    return created;
  }

  save(): void {
    this.device.persist();
    this.#disk = structuredClone(this.now);
  }

  crash(): void {
    const isOnDisk = [...this.device.disk.keys()].some((key) => key.includes(hex(this.#groupId)));
    this.device.crash(isOnDisk ? [this.#groupId] : []);
    this.now = structuredClone(this.#disk);
  }

  /** The disk burns: only the device's keys are left (in its owner's vault). */
  loseState(): void {
    this.device.disk.clear();
    this.#disk = freshState();
    this.crash();
  }

  invitation(): Uint8Array {
    const { keyPackage } = this.device.engine.keyPackage();
    this.save();
    return keyPackage;
  }

  /** A stored pending commit and its unit for the relay. */
  prepare(wish: Omit<CommitOptions, "groupId" | "aad">, invited?: string): Submission {
    const { groupId, aad } = { groupId: this.#groupId, aad: utf8(this.name) };
    const bundle = this.device.engine.commit({ ...wish, groupId, aad });
    this.save();
    return unitOf(bundle, invited);
  }

  /** Hands in; acts on the answer. Without one, the pending commit stays until the log tells. */
  settle(verdict: Verdict): void {
    if (verdict === "refused") this.device.engine.clearPending(this.#groupId);
    this.save();
  }

  joinByWelcome(relay: SoakRelay): void {
    const accepted = relay.log.findLast(({ invited }) => invited === this.name);
    if (accepted?.welcome === undefined) return;
    const position = relay.positionBehind(accepted.epoch);
    if (position === undefined) return;
    const { welcome, ratchetTree } = accepted;
    this.device.engine.joinWelcome({ welcome, ratchetTree });
    this.#enter(position);
  }

  /** Builds and stores an external join; it is `attempt` until the relay has answered. */
  prepareJoin(relay: SoakRelay): Submission {
    const { signatureKey } = this.device.engine;
    const own = relay.view
      .members()
      .find((member) => hex(member.signatureKey) === hex(signatureKey));
    const resync = own === undefined ? {} : { resyncLeafIndex: own.leafIndex };
    const key = relay.roomKey();
    const joined = this.device.engine.externalJoin({ ...key, ...resync, aad: utf8("grant") });
    this.now.isMember = false;
    this.now.attempt = { epoch: joined.epoch - 1n, commit: joined.commit };
    this.save();
    return unitOf(joined, undefined);
  }

  /** Looks the attempt up in the relay's log: taken, or to be forgotten. */
  resolveJoin(relay: SoakRelay): void {
    const { attempt } = this.now;
    if (attempt === undefined || !relay.isUp) return;
    const accepted = relay.handshake(attempt.epoch);
    this.now.attempt = undefined;
    if (accepted !== undefined && hex(accepted.commit) === hex(attempt.commit)) {
      const position = relay.positionBehind(attempt.epoch);
      if (position === undefined) throw new Error("a running relay owes no fence");
      this.#enter(position);
      return;
    }
    this.device.engine.delete(this.#groupId);
    this.save();
  }

  /** Reads what has come, one transaction a record; a crash in between repeats the record. */
  sync(relay: SoakRelay): void {
    this.resolveJoin(relay);
    while (this.now.isMember && this.now.position < relay.stream.length) {
      const record = relay.stream[this.now.position];
      if (record === undefined || !this.#take(record, relay)) return;
      this.now.position += 1;
      if (this.#random.chance(5)) this.crash();
      else this.save();
    }
  }

  write(innerId: string, text: string): void {
    this.now.outbox.set(innerId, text);
    this.save();
  }

  /** Seals and publishes what waits; on a stale fence keeps it. Returns what was acknowledged. */
  flush(relay: SoakRelay): string[] {
    if (!this.now.isMember) return [];
    const acknowledged: string[] = [];
    for (const [innerId, text] of this.now.outbox) {
      const plaintext = utf8(`${innerId}:${text}`);
      const groupId = this.#groupId;
      const sealed = this.device.engine.seal({ groupId, plaintext, aad: emptyBytes });
      this.save();
      const epoch = this.device.engine.epoch(groupId);
      const message = { kind: "message", sender: this.name, innerId, sealed } as const;
      if (!relay.publish(message, epoch)) return acknowledged;
      acknowledged.push(innerId);
      if (this.#random.chance(8)) {
        // Killed before the answer: it will be sent again, and shown once.
        this.crash();
        return acknowledged;
      }
      this.now.outbox.delete(innerId);
      this.save();
    }
    return acknowledged;
  }

  #take(record: StreamRecord, relay: SoakRelay): boolean {
    if (record.kind === "fence") return this.#advance(record.epoch, relay);
    if (record.sender === this.name) return true;
    const opened = this.device.engine.open(this.#groupId, record.sealed);
    const [innerId] = new TextDecoder().decode(opened.plaintext).split(":");
    if (innerId !== record.innerId) throw new Error("another message came out");
    this.now.read.add(record.innerId);
    return true;
  }

  #advance(epoch: bigint, relay: SoakRelay): boolean {
    const accepted = relay.handshake(epoch);
    if (accepted === undefined) return false;
    const { engine } = this.device;
    const staged = engine.stage(this.#groupId, accepted.commit);
    const hasLost = !staged.own && engine.hasPending(this.#groupId);
    if (hasLost && this.#random.chance(50)) engine.clearPending(this.#groupId);
    engine.mergeStaged(this.#groupId);
    if (staged.removesOwnLeaf) this.now.isMember = false;
    else this.#compare();
    return true;
  }

  #enter(position: number): void {
    this.now.isMember = true;
    this.now.position = position;
    this.now.since = position;
    this.#compare();
    this.save();
  }

  #compare(): void {
    const { engine } = this.device;
    const epoch = engine.epoch(this.#groupId);
    const authenticator = hex(engine.epochAuthenticator(this.#groupId));
    const known = this.#authenticators.get(epoch) ?? authenticator;
    if (known !== authenticator) throw new Error(`two authenticators in epoch ${epoch}`);
    this.#authenticators.set(epoch, known);
  }
}

export interface SoakWorld {
  readonly random: Random;
  readonly groupId: Uint8Array;
  readonly authenticators: Authenticators;
}

function freshState(): Saved {
  const [read, outbox] = [new Set<string>(), new Map<string, string>()];
  return { isMember: false, position: 0, since: 0, read, outbox, attempt: undefined };
}

function unitOf(bundle: CommitBundle, invited: string | undefined): Submission {
  const { commit, groupInfo, welcome } = bundle;
  return { commit, groupInfo, welcome, invited };
}

export function isRefusal(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code !== "engine.trapped";
}
