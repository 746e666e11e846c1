import {
  CloisterError,
  equalBytes,
  idBytes,
  type RoomId,
  roomIdFromBytes,
  sha256,
} from "@cloister/base";
import type {
  ChunkOutcome,
  Connection,
  ConnectionOptions,
  DeliveredRecord,
  Inbox,
  InboxPage,
  PublishBatch,
  PublishOutcome,
  TransportPort,
} from "@cloister/client-core";
import type { PublicEngine, PublicGroupView } from "@cloister/group-engine/types";
import {
  encodeErrorReply,
  encodeReply,
  encodeResponse,
  fenceSubject,
  relayV1,
  roomsV1,
} from "@cloister/proto";
import {
  type HandshakeView,
  parseHandshake,
  signFence,
  verifyCreation,
  verifyGrant,
  verifyHandshake,
} from "@cloister/rules";
import type { MemoryAccounts } from "./accounts.ts";
import type { Gate } from "./gate.ts";
import { offline } from "./gateway.ts";
import { testClock } from "./test-clock.ts";

const service = "cloister.relay.v1.DeliveryService";

interface RelayRoom {
  readonly group: PublicGroupView;
  handshakes: Uint8Array[];
  last: HandshakeView;
  groupInfo: Uint8Array;
}

/** What may go wrong on the way, chosen by a test. */
export interface Faults {
  publish?: (
    batch: PublishBatch,
    count: number,
  ) => "ok" | "lose" | "lose-answer" | "stream-full" | "duplicate";
  /** The relay dies between append and fence. */
  holdFences?: boolean;
  chunk?: (subject: string) => "ok" | "lose" | "lose-answer";
  /** A hostile relay's answer in place of its own. */
  answer?: (method: string, answer: Uint8Array) => Uint8Array;
}

/** JetStream's ROOMS and FILES and the Delivery Service, in memory. */
export class MemoryRelay {
  readonly accounts: MemoryAccounts;
  readonly engine: PublicEngine;
  readonly stream: DeliveredRecord[] = [];
  readonly files = new Map<string, Uint8Array>();
  readonly rooms = new Map<RoomId, RelayRoom>();
  readonly #ids = new Set<string>();
  readonly #waiting = new Set<() => void>();
  readonly #heldFences: { readonly room: RoomId; readonly view: HandshakeView }[] = [];
  readonly connections = new Set<MemoryConnection>();
  faults: Faults = {};
  publishes = 0;

  constructor(accounts: MemoryAccounts, engine: PublicEngine) {
    this.accounts = accounts;
    this.engine = engine;
  }

  transport(gate: Gate): TransportPort {
    return {
      connect: (options) =>
        gate.pass("connect", async () => {
          const { jwt } = await options.credentials();
          return new MemoryConnection(this, { options, jwt, gate });
        }),
    };
  }

  /** Appends as the server would; the relay's own account and attackers use it too. */
  append(subject: string, payload: Uint8Array): bigint {
    const sequence = BigInt(this.stream.length + 1);
    this.stream.push({ subject, payload: Uint8Array.from(payload), sequence });
    this.wake();
    return sequence;
  }

  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
    });
  }

  lastOf(subject: string): bigint {
    return this.stream.findLast((record) => record.subject === subject)?.sequence ?? 0n;
  }

  publish(batch: PublishBatch): PublishOutcome {
    this.publishes += 1;
    const fault = this.faults.publish?.(batch, this.publishes) ?? "ok";
    if (fault === "lose") return { kind: "timeout" };
    if (fault === "stream-full") return { kind: "stream-full" };
    if (fault === "duplicate") return { kind: "duplicate" };
    if (batch.records.some(({ messageId }) => this.#ids.has(messageId)))
      return { kind: "duplicate" };
    if (this.lastOf(batch.fenceSubject) !== batch.fenceSequence) return { kind: "stale-fence" };
    const sequences = batch.records.map(({ payload, messageId }) => {
      this.#ids.add(messageId);
      return this.append(batch.subject, payload);
    });
    return fault === "lose-answer" ? { kind: "timeout" } : { kind: "stored", sequences };
  }

  async handle(method: string, payload: Uint8Array): Promise<Uint8Array> {
    try {
      const answer = await this.#answer(method, payload);
      return encodeReply(this.faults.answer?.(method, answer) ?? answer);
    } catch (error) {
      return encodeErrorReply(error);
    }
  }

  async #answer(method: string, payload: Uint8Array): Promise<Uint8Array> {
    switch (method) {
      case "GetRoomEpoch": {
        const { roomId } = relayV1.GetRoomEpochRequest.decode(payload);
        const room = this.rooms.get(roomIdFromBytes(roomId));
        return encodeResponse(`${service}/GetRoomEpoch`, {
          created: room !== undefined,
          epoch: room?.last.epoch ?? 0n,
          handshakeIndex: BigInt((room?.handshakes.length ?? 1) - 1),
        });
      }
      case "GetRoomKey":
        return this.#roomKey(relayV1.GetRoomKeyRequest.decode(payload));
      case "AppendHandshake":
        return this.#append(relayV1.AppendHandshakeRequest.decode(payload).handshake);
      case "GetHandshakes": {
        const { roomId, fromIndex } = relayV1.GetHandshakesRequest.decode(payload);
        const room = this.rooms.get(roomIdFromBytes(roomId));
        const handshakes = (room?.handshakes ?? []).slice(Number(fromIndex)).map((handshake) => ({
          handshake,
          ratchetTree: new Uint8Array(0),
        }));
        return encodeResponse(`${service}/GetHandshakes`, {
          handshakes,
          nextIndex: BigInt(room?.handshakes.length ?? 0),
        });
      }
      case "OpenInbox":
        return encodeResponse(`${service}/OpenInbox`, {
          stream: "ROOMS",
          consumer: "consumer",
          lastSequence: BigInt(this.stream.length),
          fences: [],
        });
      case "GetLog": {
        const { from, maxRecords } = relayV1.GetLogRequest.decode(payload);
        const page = this.accounts.page(Number(from), maxRecords);
        return encodeResponse(`${service}/GetLog`, page);
      }
      default:
        throw new TypeError(`no method ${method}`);
    }
  }

  #roomKey({ grant: token }: relayV1.GetRoomKeyRequest): Uint8Array {
    const { state, size: at } = this.accounts;
    const grant = verifyGrant(state, { token, at, nowMs: testClock.now() });
    const room = this.rooms.get(grant.room);
    if (room === undefined || grant.epoch !== room.last.epoch) throw conflict("another epoch");
    return encodeResponse(`${service}/GetRoomKey`, {
      groupInfo: room.groupInfo,
      ratchetTree: room.group.tree(),
      epoch: room.last.epoch,
      handshakeIndex: BigInt(room.handshakes.length - 1),
      handshakeHash: room.last.hash,
    });
  }

  /** As the relay does: rules and public engine, which cannot see the tags. */
  async #append(record: Uint8Array): Promise<Uint8Array> {
    const { room: id, index, message } = parseHandshake(record);
    const known = this.rooms.get(id);
    const repeated = known?.handshakes.findIndex((other) => equalBytes(other, record)) ?? -1;
    if (repeated >= 0) return this.#appended(id, repeated);
    const { state } = this.accounts;
    if (known === undefined) {
      const { groupInfo, ratchetTree } = message;
      const group = this.engine.fromGroupInfo({ groupInfo, ratchetTree });
      const facts = { context: group.context(), members: group.members() };
      const last = verifyCreation(state, { room: id, record, group: facts });
      this.rooms.set(id, { group, handshakes: [record], last, groupInfo });
      await this.#fence(id, last);
      return this.#appended(id, 0);
    }
    if (index !== known.handshakes.length) throw conflict("another index");
    const commit = known.group.process(message.commit);
    try {
      const last = verifyHandshake(state, {
        room: id,
        record,
        index,
        previous: known.last,
        commit,
        roster: known.group.members(),
        relayNowMs: testClock.now(),
      });
      known.group.verifyGroupInfo(message.groupInfo);
      known.group.merge();
      known.handshakes.push(record);
      known.last = last;
      known.groupInfo = message.groupInfo;
      await this.#fence(id, last);
      return this.#appended(id, index);
    } catch (error) {
      known.group.drop();
      throw error;
    }
  }

  #appended(room: RoomId, index: number): Uint8Array {
    return encodeResponse(`${service}/AppendHandshake`, {
      index: BigInt(index),
      fenceSequence: this.lastOf(fenceSubject(room)),
    });
  }

  async #fence(room: RoomId, view: HandshakeView): Promise<void> {
    if (this.faults.holdFences === true) {
      this.#heldFences.push({ room, view });
      throw offline();
    }
    const { org, relay } = this.accounts;
    const fence = await signFence(
      org,
      {
        roomId: idBytes(room),
        handshakeIndex: BigInt(view.index),
        epoch: view.epoch,
        handshakeHash: view.hash,
      },
      relay.key,
    );
    const content = { $case: "fence", value: roomsV1.SignedFence.decode(fence) } as const;
    this.append(fenceSubject(room), roomsV1.RoomRecord.encode({ content }).finish());
  }

  /** The relay is back: what was appended without a fence gets one. */
  async releaseFences(): Promise<void> {
    this.faults.holdFences = false;
    for (const { room, view } of this.#heldFences.splice(0)) await this.#fence(room, view);
  }

  /** Puts a handshake in as a hostile relay would, unchecked. */
  async force(room: RoomId, record: Uint8Array): Promise<void> {
    const known = this.rooms.get(room);
    if (known === undefined) throw new TypeError("no such room");
    known.handshakes.push(record);
    const { index } = parseHandshake(record);
    const view = { ...known.last, index, hash: sha256(record), epoch: known.last.epoch + 1n };
    await this.#fence(room, view as HandshakeView);
  }

  disconnectAll(reason = "server gone"): void {
    for (const connection of this.connections) connection.drop(reason);
  }
}

function conflict(message: string): Error {
  return new CloisterError({ kind: "Usage", code: "ERR_HANDSHAKE_CONFLICT", message });
}

export class MemoryConnection implements Connection {
  readonly #relay: MemoryRelay;
  readonly #options: ConnectionOptions;
  readonly #gate: Gate;
  #rooms: Set<string>;
  #inbox: MemoryInbox | undefined;
  #isUp = true;

  constructor(
    relay: MemoryRelay,
    { options, jwt, gate }: { options: ConnectionOptions; jwt: string; gate: Gate },
  ) {
    this.#relay = relay;
    this.#options = options;
    this.#gate = gate;
    this.#rooms = roomsOf(jwt);
    relay.connections.add(this);
  }

  request({ subject, payload }: { subject: string; payload: Uint8Array }): Promise<Uint8Array> {
    const method = subject.split(".").at(-1) ?? "";
    return this.#gate.cross(`ds ${method}`, async () => {
      if (!this.#isUp) throw offline();
      if (method === "OpenInbox")
        this.#positions = relayV1.OpenInboxRequest.decode(payload).positions;
      return this.#relay.handle(method, payload);
    });
  }

  #positions: relayV1.OpenInboxRequest["positions"] = [];

  publish(batch: PublishBatch): Promise<PublishOutcome> {
    return this.#gate.cross("publish", () => {
      if (!this.#isUp) return { kind: "disconnected" };
      const room = batch.subject.split(".")[1] ?? "";
      if (!this.#rooms.has(room)) return { kind: "denied" };
      return this.#relay.publish(batch);
    });
  }

  publishChunk({
    subject,
    payload,
  }: {
    subject: string;
    payload: Uint8Array;
  }): Promise<ChunkOutcome> {
    return this.#gate.cross("chunk", () => {
      if (!this.#isUp) return { kind: "disconnected" };
      const fault = this.#relay.faults.chunk?.(subject) ?? "ok";
      if (fault === "lose") return { kind: "timeout" };
      if (this.#relay.files.has(subject)) return { kind: "exists" };
      this.#relay.files.set(subject, Uint8Array.from(payload));
      return fault === "lose-answer" ? { kind: "timeout" } : { kind: "stored" };
    });
  }

  getChunk({ subject }: { subject: string }): Promise<Uint8Array | undefined> {
    return this.#gate.pass("get-chunk", () => {
      if (!this.#isUp) throw offline();
      return this.#relay.files.get(subject);
    });
  }

  openInbox(): Promise<Inbox> {
    const smallest = this.#positions.reduce(
      (least, { sequence }) => (sequence < least ? sequence : least),
      BigInt(this.#relay.stream.length),
    );
    const rooms = new Set(this.#positions.map(({ roomId }) => roomIdFromBytes(roomId) as string));
    this.#inbox = new MemoryInbox(this.#relay, { from: smallest, rooms, gate: this.#gate });
    return Promise.resolve(this.#inbox);
  }

  async reconnect(): Promise<void> {
    const { jwt } = await this.#options.credentials();
    this.#rooms = roomsOf(jwt);
  }

  drop(reason: string): void {
    this.#isUp = false;
    this.#inbox?.end();
    this.#options.onState({ kind: "disconnected", reason });
  }

  restore(): void {
    this.#isUp = true;
    this.#options.onState({ kind: "connected" });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isUp = false;
    this.#inbox?.end();
    this.#relay.connections.delete(this);
    return Promise.resolve();
  }
}

function roomsOf(jwt: string): Set<string> {
  return new Set(jwt.split(":")[1]?.split(",") ?? []);
}

class MemoryInbox implements Inbox {
  readonly #relay: MemoryRelay;
  readonly #rooms: ReadonlySet<string>;
  readonly #gate: Gate;
  #cursor: bigint;
  #isFirst = true;
  #isEnded = false;

  constructor(
    relay: MemoryRelay,
    { from, rooms, gate }: { from: bigint; rooms: ReadonlySet<string>; gate: Gate },
  ) {
    this.#relay = relay;
    this.#cursor = from;
    this.#rooms = rooms;
    this.#gate = gate;
  }

  next(): Promise<InboxPage> {
    return this.#gate.pass("inbox.next", async () => {
      for (;;) {
        if (this.#isEnded) return { records: [], isDrained: false, isEnded: true };
        const waiting = this.#relay.stream
          .slice(Number(this.#cursor))
          .filter(({ subject }) => this.#rooms.has(subject.split(".")[1] ?? ""));
        const records = waiting.slice(0, 16);
        const last = records.at(-1);
        if (last !== undefined || this.#isFirst) {
          this.#isFirst = false;
          if (last !== undefined) this.#cursor = last.sequence;
          return { records, isDrained: records.length === waiting.length, isEnded: false };
        }
        await this.#relay.changed();
      }
    });
  }

  ack(): void {
    void this.#gate.cross("ack", () => undefined);
  }

  end(): void {
    this.#isEnded = true;
    this.#relay.wake();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.end();
    return Promise.resolve();
  }
}
