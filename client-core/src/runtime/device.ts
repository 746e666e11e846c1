import { type OrgId, parseEpochMs, type RoomId, type Signer, type Verified } from "@cloister/base";
import type { MemberEngine } from "@cloister/group-engine/types";
import { fenceSubject, roomSubject, type UserNkey } from "@cloister/proto";
import { type CheckpointView, parseHandshake, signHandshake } from "@cloister/rules";
import type { RoomNotice } from "../client-types.ts";
import { clientErrors } from "../errors.ts";
import type { Identity } from "../identity/identity.ts";
import { LOG_PAGE_RECORDS, PUBLISH_TIMEOUT_MS } from "../limits.ts";
import type { LogSource } from "../log/fetch.ts";
import { type LogPage, type LogState, meetCheckpoint, reduceLog } from "../log/keeper.ts";
import type { ClientPorts, Connection, DeliveredRecord, Inbox } from "../ports.ts";
import type { LogSight, RoomContext } from "../room/context.ts";
import type { RoomEffect } from "../room/effects.ts";
import type { RoomEvent } from "../room/events.ts";
import { reduceRoom } from "../room/reduce.ts";
import { newRoomState, type RoomState } from "../room/state.ts";
import { isAsking } from "../room/steps.ts";
import type { SealedStore } from "../store/seal-store.ts";
import type { Cancel } from "./cancel.ts";
import { createGroups, type Groups, isEngineEffect, newPublishId } from "./groups.ts";
import { loadRooms } from "./load-rooms.ts";
import { PendingWrites } from "./pending-writes.ts";
import {
  appendHandshake,
  createRelayCalls,
  fetchHandshakes,
  type GrantJoin,
  prepareJoin,
  type RelayCalls,
} from "./relay-calls.ts";

/** Who is told what. Calls come in the order of what happened. */
export interface DeviceListener {
  changed(room: RoomId): void;
  notice(room: RoomId, notice: RoomNotice): void;
  stored(room: RoomId, stored: Extract<RoomEffect, { readonly kind: "stored" }>): void;
  queued(room: RoomId, queued: Extract<RoomEffect, { readonly kind: "queued" }>): void;
  logChanged(): void;
  /** The inbox is empty for now. */
  drained(): void;
  refreshAccess(): void;
  /** The device has stopped for good: a contradiction of the server, or a store that fails. */
  failed(error: unknown): void;
}

export interface DeviceOptions {
  readonly ports: ClientPorts;
  readonly store: SealedStore;
  readonly identity: Identity;
  readonly nkey: UserNkey;
  readonly signer: Signer<"statement">;
  readonly engine: MemberEngine;
  readonly log: LogState;
  readonly listener: DeviceListener;
  readonly grantJoin: GrantJoin;
  /** The log over HTTPS, for as long as the relay does not give it. */
  readonly logSource?: LogSource | undefined;
  readonly closing: Cancel;
}

type DeviceEvent =
  | { readonly kind: "room"; readonly room: RoomId; readonly event: RoomEvent }
  | { readonly kind: "all"; readonly event: RoomEvent }
  | { readonly kind: "log-page"; readonly page: LogPage }
  | { readonly kind: "checkpoint"; readonly checkpoint: Verified<CheckpointView> }
  /** Answers once everything before it is done. */
  | { readonly kind: "barrier"; readonly done: () => void };

/** Where the device is connected. */
export interface Link {
  readonly connection: Connection;
  readonly relay: RelayCalls;
}

/**
 * One device's loop: takes one event at a time through the reducers and does what they want. Engine
 * and store are touched here alone, so no two things ever happen to a ratchet at once.
 */
export class Device {
  readonly #options: DeviceOptions;
  readonly #groups: Groups;
  readonly #rooms = new Map<RoomId, RoomState>();
  readonly #events: DeviceEvent[] = [];
  #log: LogState;
  #logCheckedMs = -1;
  #isFetchingLog = false;
  #link: Link | undefined;
  #inbox: Inbox | undefined;
  #isDrained = false;
  #isRunning = false;
  #failure: { readonly error: unknown } | undefined;
  readonly #unwritten = new PendingWrites();
  /** What may happen only once the rows before it are on the disk, in order. */
  #held: (() => void)[] = [];

  private constructor(options: DeviceOptions) {
    this.#options = options;
    this.#log = options.log;
    const { ports } = options;
    this.#groups = createGroups({
      engine: options.engine,
      crypto: ports.crypto,
      random: ports.random,
      log: () => this.#logSight(),
    });
  }

  /** Takes up every room where the store left it. */
  static async open(options: DeviceOptions): Promise<Device> {
    const device = new Device(options);
    const { store, ports } = options;
    const loaded = await loadRooms({ store, sha256: ports.crypto.sha256, groups: device.#groups });
    for (const state of loaded) device.#rooms.set(state.room, state);
    return device;
  }

  get log(): LogState {
    return this.#log;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  get isDrained(): boolean {
    return this.#isDrained;
  }

  rooms(): readonly RoomState[] {
    return [...this.#rooms.values()];
  }

  room(room: RoomId): RoomState {
    const known = this.#rooms.get(room);
    if (known !== undefined) return known;
    const fresh = newRoomState(room);
    this.#rooms.set(room, fresh);
    return fresh;
  }

  context(): RoomContext {
    const { identity, ports, nkey } = this.#options;
    return {
      org: identity.orgId satisfies OrgId,
      account: identity.accountId,
      device: identity.deviceId,
      nkey,
      personName: identity.personName,
      log: this.#logSight(),
      nowMs: ports.clock.now(),
      isOnline: this.#link !== undefined,
      isDrained: this.#isDrained,
      sha256: ports.crypto.sha256,
    };
  }

  #logSight(): LogSight {
    const { replica } = this.#log;
    return {
      state: replica.state,
      size: replica.size,
      root: replica.checkpoint.root,
      checkpoint: replica.checkpoint.signed,
      checkedMs: this.#logCheckedMs,
    };
  }

  /** Throws what stopped the device, if anything has. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  post(room: RoomId, event: RoomEvent): void {
    this.#push({ kind: "room", room, event });
  }

  /** Resolves once everything posted before it is done. */
  settled(): Promise<void> {
    return new Promise((done) => {
      this.#push({ kind: "barrier", done });
    });
  }

  /** The connection is up: everything that waited for it goes on. */
  async goOnline(connection: Connection): Promise<void> {
    this.#link = { connection, relay: createRelayCalls(connection, this.#options.nkey) };
    this.#isDrained = false;
    this.#push({ kind: "all", event: { kind: "online" } });
    await this.settled();
  }

  goOffline(): void {
    if (this.#link === undefined) return;
    this.#link = undefined;
    this.#isDrained = false;
    this.#isFetchingLog = false;
    this.#push({ kind: "all", event: { kind: "offline" } });
  }

  /** A newly opened inbox: what comes from it is acknowledged to it. */
  attachInbox(inbox: Inbox): void {
    this.#inbox = inbox;
    this.#isDrained = false;
  }

  async deliver(records: ReadonlyMap<RoomId, readonly DeliveredRecord[]>): Promise<void> {
    for (const [room, delivered] of records) {
      this.post(room, { kind: "records", records: delivered });
    }
    await this.settled();
  }

  /** The inbox holds nothing more: one's own records are known now. */
  drained(): void {
    if (this.#isDrained) return;
    this.#isDrained = true;
    this.#push({ kind: "all", event: { kind: "drained" } });
    void this.settled().then(() => this.#options.listener.drained());
  }

  /** Pages that came another way: with a statement's answer, or from the gateway. */
  async takeLog(page: LogPage): Promise<void> {
    this.#push({ kind: "log-page", page });
    await this.settled();
    this.check();
  }

  #push(event: DeviceEvent): void {
    this.#events.push(event);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
        await this.#take(event);
        const isLast = this.#events.length === 0;
        if (isLast || this.#unwritten.isLarge) await this.#guard(() => this.#flush());
      }
    } finally {
      this.#isRunning = false;
    }
  }

  async #take(event: DeviceEvent): Promise<void> {
    if (event.kind === "barrier") {
      await this.#guard(() => this.#flush());
      event.done();
      return;
    }
    await this.#guard(() => this.#handle(event));
  }

  /** Nothing is tried on a half-done state: the next start takes up what the store holds. */
  async #guard(act: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined || this.#options.closing.signal.aborted) return;
    try {
      await act();
    } catch (error) {
      this.#failure = { error };
      this.#options.listener.failed(error);
    }
  }

  async #handle(event: Exclude<DeviceEvent, { readonly kind: "barrier" }>): Promise<void> {
    switch (event.kind) {
      case "room":
        await this.#step(event.room, event.event);
        return;
      case "all":
        for (const room of this.#rooms.keys()) await this.#step(room, event.event);
        return;
      case "log-page":
        await this.#takePage(event.page);
        return;
      case "checkpoint":
        await this.#takeCheckpoint(event.checkpoint);
        return;
      default:
        throw event satisfies never;
    }
  }

  /** An event, and whatever its effects answer at once, before anything else is looked at. */
  async #step(room: RoomId, event: RoomEvent): Promise<void> {
    const { state, effects } = reduceRoom(this.room(room), event, this.context());
    this.#rooms.set(room, state);
    if (effects.slice(0, -1).some(isAsking)) {
      throw clientErrors.ERR_STEP_ORDER("an effect that is answered at once must be the last");
    }
    for (const effect of effects) await this.#perform(room, effect);
  }

  async #perform(room: RoomId, effect: RoomEffect): Promise<void> {
    if (isEngineEffect(effect)) {
      const answer = this.#groups.perform(room, effect);
      if (answer !== undefined) await this.#step(room, answer);
      return;
    }
    switch (effect.kind) {
      case "persist":
        await this.#persist(effect);
        return;
      case "sign-handshake":
        await this.#sign(room, effect);
        return;
      default:
        if (this.#unwritten.isEmpty) this.#start(room, effect);
        else this.#held.push(() => this.#start(room, effect));
    }
  }

  /**
   * Operation → write set → one transaction → commitWrites: never another order. Rows without a
   * write set of the engine, as acknowledgements make them, wait for those of the events behind
   * them: one transaction is one fsync.
   */
  async #persist(effect: Extract<RoomEffect, { readonly kind: "persist" }>): Promise<void> {
    const engine = this.#groups.peek();
    const isOfEngine = engine.puts.length > 0 || engine.deletes.length > 0;
    this.#unwritten.add(effect);
    if (!isOfEngine) return;
    this.#unwritten.add(engine);
    await this.#flush();
    this.#groups.written();
  }

  async #flush(): Promise<void> {
    if (this.#unwritten.isEmpty) return;
    await this.#options.store.transaction(this.#unwritten.take());
    const held = this.#held;
    this.#held = [];
    for (const act of held) act();
  }

  async #sign(
    room: RoomId,
    effect: Extract<RoomEffect, { readonly kind: "sign-handshake" }>,
  ): Promise<void> {
    const { identity, signer, ports } = this.#options;
    const record = await signHandshake(identity.orgId, effect.handshake, signer);
    const { index } = parseHandshake(record, ports.crypto.sha256);
    const { kind, logSize } = effect.as;
    await this.#step(room, {
      kind: "signed",
      pending: { kind, logSize, index: BigInt(index), record },
    });
  }

  /** Effects whose answers come later, or never. */
  #start(
    room: RoomId,
    effect: Exclude<
      RoomEffect,
      { readonly kind: "persist" | "sign-handshake" | `engine-${string}` }
    >,
  ): void {
    const { listener } = this.#options;
    switch (effect.kind) {
      case "fetch-log":
        this.fetchLog();
        return;
      case "fetch-handshakes":
        this.#ask(room, (relay) => fetchHandshakes(relay, room, effect.fromIndex));
        return;
      case "append-handshake":
        this.#ask(room, (relay) => appendHandshake(relay, effect.record));
        return;
      case "prepare-join":
        this.#ask(room, (relay) => prepareJoin(relay, room, this.#options.grantJoin));
        return;
      case "publish":
        void this.#publish(room, effect);
        return;
      case "wait":
        void this.#wait(room, effect);
        return;
      case "ack":
        this.#inbox?.ack(effect.records);
        return;
      case "stored":
        listener.stored(room, effect);
        return;
      case "queued":
        listener.queued(room, effect);
        return;
      case "changed":
        listener.changed(room);
        return;
      case "notice":
        listener.notice(room, effect.notice);
        return;
      case "saw-checkpoint":
        this.#push({ kind: "checkpoint", checkpoint: effect.checkpoint });
        return;
      case "log-fork":
        throw clientErrors.ERR_VERIFICATION_LOG_FORK(effect.text);
      case "refresh-access":
        listener.refreshAccess();
        return;
      default:
        throw effect satisfies never;
    }
  }

  /** An answer to a connection that is gone says nothing about the new one. */
  #ask(room: RoomId, call: (relay: RelayCalls) => Promise<RoomEvent>): void {
    const link = this.#link;
    if (link === undefined) return;
    void call(link.relay).then((event) => {
      if (this.#link === link) this.post(room, event);
    });
  }

  async #publish(
    room: RoomId,
    effect: Extract<RoomEffect, { readonly kind: "publish" }>,
  ): Promise<void> {
    const link = this.#link;
    if (link === undefined) return;
    const { payload, messageId, fenceSequence } = effect;
    const outcome = await link.connection.publish({
      subject: roomSubject(room, this.#options.nkey),
      records: [{ payload, messageId }],
      fenceSequence,
      fenceSubject: fenceSubject(room),
      timeoutMs: PUBLISH_TIMEOUT_MS,
    });
    if (this.#link !== link && outcome.kind !== "stored") return;
    const freshId = newPublishId(this.#options.ports.random);
    this.post(room, { kind: "published", messageId, freshId, outcome });
  }

  async #wait(
    room: RoomId,
    { delayMs, tag }: Extract<RoomEffect, { readonly kind: "wait" }>,
  ): Promise<void> {
    const { ports, closing } = this.#options;
    await ports.clock.wait(delayMs, closing.signal);
    if (!closing.signal.aborted) this.post(room, { kind: "tick", tag });
  }

  /** Asks for what is new in the log; one question at a time. */
  fetchLog(): void {
    const link = this.#link;
    if (this.#isFetchingLog || link === undefined) return;
    this.#isFetchingLog = true;
    void this.#askLog(link).then(
      (page) => this.#push({ kind: "log-page", page }),
      () => {
        this.#isFetchingLog = false;
        this.#push({ kind: "all", event: { kind: "log-failed" } });
      },
    );
  }

  /** Of the relay; of the gateway while the relay is away: the rules judge it, whoever serves it. */
  async #askLog({ relay }: Link): Promise<LogPage> {
    const { size, checkpoint: asked } = this.#log.replica;
    try {
      const request = { from: BigInt(size), maxRecords: LOG_PAGE_RECORDS };
      const page = await relay.call("cloister.relay.v1.DeliveryService/GetLog", request);
      return { ...page, asked };
    } catch (error) {
      const { logSource } = this.#options;
      if (logSource === undefined) throw error;
      const { replica, newest } = this.#log;
      return { ...(await logSource.page(replica.size, newest.signed)), asked: newest };
    }
  }

  async #takePage(page: LogPage): Promise<void> {
    const sizeBefore = this.#log.replica.size;
    const step = reduceLog(this.#log, page);
    await this.#options.store.transaction({ puts: step.puts, deletes: [] });
    if (step.kind === "conflict") throw step.error;
    this.#log = step.state;
    this.#isFetchingLog = false;
    const { replica, newest } = step.state;
    if (replica.size > sizeBefore) this.#options.listener.logChanged();
    if (replica.size < newest.size && page.records.length > 0) {
      this.fetchLog();
      return;
    }
    // A longer log was shown than this answer brought: nothing is sealed under the shorter one (rule 4).
    const isWithheld = replica.size < newest.size || replica.pins.length > 0;
    this.#logCheckedMs = isWithheld ? -1 : parseEpochMs(this.#options.ports.clock.now());
    const kind = isWithheld ? "log-failed" : "log-checked";
    for (const room of this.#rooms.keys()) await this.#step(room, { kind });
  }

  async #takeCheckpoint(checkpoint: Verified<CheckpointView>): Promise<void> {
    const { step, isAhead } = meetCheckpoint(this.#log, checkpoint);
    if (step.puts.length > 0) {
      await this.#options.store.transaction({ puts: step.puts, deletes: [] });
    }
    if (step.kind === "conflict") throw step.error;
    this.#log = step.state;
    if (!isAhead) return;
    this.#logCheckedMs = -1;
    this.fetchLog();
  }
}
