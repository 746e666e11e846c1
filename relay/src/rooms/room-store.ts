import { sha256 } from "@cloister/base";
import { relayErrors } from "../errors.ts";
import { HANDSHAKES_PER_SNAPSHOT } from "../limits.ts";
import { deliveryStreams, deliverySubjects } from "../store/delivery-streams.ts";
import type { JetStreamApi, StoredMessage } from "../store/jetstream-api.ts";
import { readValue, type ValuePlace, writeValue } from "../store/parted-value.ts";
import type { EngineHost } from "./engine-host.ts";
import { type HandshakeRecord, parseHandshakeRecord } from "./handshake-record.ts";
import type { RoomKey } from "./room-key.ts";
import { droppedTips, emptyRoom, lastSequenceOf, type RoomState } from "./room-state.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { afterStep, stepHandshake } from "./succession.ts";

export interface RoomStoreOptions {
  readonly api: JetStreamApi;
  readonly engine: EngineHost;
}

/**
 * Rooms as the stream HANDSHAKES has them. What lies there was accepted by a relay of this fleet:
 * reading it replays the groups, it judges nothing again.
 */
export class RoomStore {
  readonly #api: JetStreamApi;
  readonly #engine: EngineHost;

  constructor(options: RoomStoreOptions) {
    this.#api = options.api;
    this.#engine = options.engine;
  }

  /** The room from its snapshot, if there is one; `catchUp` brings it to the newest handshake. */
  async open(key: RoomKey): Promise<RoomState> {
    const bytes = await readValue(this.#place(deliverySubjects.snapshot(key.org, key.room)));
    if (bytes === undefined) return emptyRoom;
    return (await this.#engine.use((engine) => decodeSnapshot(bytes, engine))) ?? emptyRoom;
  }

  /** Applies every handshake that was stored since. */
  async catchUp(key: RoomKey, state: RoomState): Promise<RoomState> {
    let current = state;
    for (;;) {
      const message = await this.#after(key, lastSequenceOf(current));
      if (message === undefined) return current;
      current = await this.#replayed(current, message);
    }
  }

  /** Stores a handshake if none came since `state`. Throws ERR_RELAY_STORE_SEQUENCE otherwise. */
  async append(key: RoomKey, state: RoomState, record: HandshakeRecord): Promise<number> {
    const subject = deliverySubjects.handshakes(key.org, key.room);
    return this.#api.publish(subject, record.bytes, {
      expectedLastSequence: lastSequenceOf(state),
    });
  }

  /** The stored bytes of one handshake of the room. */
  async record(state: RoomState, index: number): Promise<Uint8Array | undefined> {
    const sequence = state.sequences[index];
    if (sequence === undefined) return undefined;
    const message = await this.#api.at(deliveryStreams.handshakes, sequence);
    return message?.data;
  }

  /** Stores the tree that a Welcome in this handshake needs. */
  async saveTree(key: RoomKey, record: HandshakeRecord, tree: Uint8Array): Promise<void> {
    await writeValue(this.#place(deliverySubjects.tree({ ...key, hash: record.hash })), tree);
  }

  async tree(key: RoomKey, handshake: Uint8Array): Promise<Uint8Array | undefined> {
    const hash = sha256(handshake);
    return readValue(this.#place(deliverySubjects.tree({ ...key, hash })));
  }

  /** Every so often, so that opening the room replays few handshakes. */
  async saveSnapshot(key: RoomKey, state: RoomState): Promise<void> {
    const { settled, sequences, candidates } = state;
    if (settled === undefined || settled.index === 0) return;
    if (settled.index % HANDSHAKES_PER_SNAPSHOT !== 0) return;
    // Only where nothing disputed lies before it: replaying must find each handshake's parent.
    if (settled.index + 1 + candidates.length !== sequences.length) return;
    const bytes = await this.#engine.use(() => encodeSnapshot(settled, sequences));
    await writeValue(this.#place(deliverySubjects.snapshot(key.org, key.room)), bytes);
  }

  #place(subject: string): ValuePlace {
    return { api: this.#api, stream: deliveryStreams.state, subject };
  }

  async #after(key: RoomKey, sequence: number): Promise<StoredMessage | undefined> {
    const subject = deliverySubjects.handshakes(key.org, key.room);
    return this.#api.next(deliveryStreams.handshakes, { sequence: sequence + 1, subject });
  }

  async #replayed(state: RoomState, message: StoredMessage): Promise<RoomState> {
    const record = parseHandshakeRecord(message.data);
    return this.#engine.use((engine) => {
      try {
        const step = stepHandshake(engine, state, record);
        const next = afterStep(state, step, { record, sequence: message.sequence });
        for (const dropped of droppedTips(state, next)) dropped.group[Symbol.dispose]();
        return next;
      } catch (cause) {
        throw relayErrors.ERR_RELAY_STORE_CORRUPT("a stored handshake cannot be replayed", {
          cause,
          details: { room: record.room, index: record.index },
        });
      }
    });
  }
}
