import { equalBytes, idBytes, type Signer, verifySignature } from "@cloister/base";
import { fenceSubject, parseMessage, roomsV1, streamNames } from "@cloister/proto";
import { signFence } from "@cloister/rules";
import { relayErrors } from "../errors.ts";
import { FENCE_RESERVE_BYTES } from "../limits.ts";
import { deliveryStreams, deliverySubjects } from "../store/delivery-streams.ts";
import type { JetStreamApi } from "../store/jetstream-api.ts";
import type { HandshakeRecord } from "./handshake-record.ts";
import type { RoomKey } from "./room-key.ts";

export interface FenceWriterOptions {
  /** In DELIVERY: remembers where each fence lies. */
  readonly delivery: JetStreamApi;
  /** In the org's account: the fences themselves. Throws where the org is not connected. */
  readonly orgApi: (org: RoomKey["org"]) => JetStreamApi;
  readonly signer: Signer<"relay">;
}

/**
 * Puts a signed record into the room's application stream for each handshake that was appended. An
 * append and its fence are two writes in two accounts: whoever finds the second missing makes it.
 */
export class FenceWriter {
  readonly #options: FenceWriterOptions;

  constructor(options: FenceWriterOptions) {
    this.#options = options;
  }

  /** The stream sequence of the handshake's fence, which is written if it is not there. */
  async ensure(key: RoomKey, record: HandshakeRecord): Promise<number> {
    const known = await this.find(key, record.index);
    if (known !== undefined) return known;
    const sequence = (await this.#unrecorded(key, record)) ?? (await this.#publish(key, record));
    const place = deliverySubjects.fence({ ...key, index: record.index });
    await this.#options.delivery.publish(place, Buffer.from(String(sequence)));
    return sequence;
  }

  async find(key: RoomKey, index: number): Promise<number | undefined> {
    const place = deliverySubjects.fence({ ...key, index });
    const stored = await this.#options.delivery.last(deliveryStreams.state, place);
    const sequence = Number(Buffer.from(stored?.data ?? []).toString());
    return Number.isSafeInteger(sequence) && sequence > 0 ? sequence : undefined;
  }

  /** Refuses before an append whose fence would find no room. */
  async requireRoom(key: RoomKey): Promise<void> {
    const facts = await this.#options.orgApi(key.org).streamFacts(streamNames.rooms);
    if (facts.maxBytes < 0 || facts.bytes + FENCE_RESERVE_BYTES <= facts.maxBytes) return;
    throw relayErrors.ERR_RELAY_STREAM_FULL("the org's room stream has no room left");
  }

  /** The fence may be there although nobody could say so: a relay was killed after it published. */
  async #unrecorded(key: RoomKey, record: HandshakeRecord): Promise<number | undefined> {
    const api = this.#options.orgApi(key.org);
    const last = await api.last(streamNames.rooms, fenceSubject(key.room));
    if (last === undefined || !this.#isFenceOf(key, record, last.data)) return undefined;
    return last.sequence;
  }

  /** Anybody may have put bytes on the subject by a reply: only our signature counts. */
  #isFenceOf(key: RoomKey, record: HandshakeRecord, bytes: Uint8Array): boolean {
    try {
      const { content } = parseMessage("cloister.rooms.v1.RoomRecord", bytes);
      if (content?.$case !== "fence") return false;
      const { fence: payload, signature } = content.value;
      const fence = parseMessage("cloister.rooms.v1.Fence", payload);
      if (!equalBytes(fence.handshakeHash, record.hash)) return false;
      const { publicKey } = this.#options.signer;
      verifySignature({ type: "fence", org: key.org, payload, signature, publicKey });
      return true;
    } catch {
      return false;
    }
  }

  async #publish(key: RoomKey, record: HandshakeRecord): Promise<number> {
    const data = await signedFence(this.#options.signer, key, record);
    // No Nats-Msg-Id: a member who guesses it could make the fence look like a repetition.
    return this.#options.orgApi(key.org).publish(fenceSubject(key.room), data);
  }
}

async function signedFence(
  signer: Signer<"relay">,
  key: RoomKey,
  record: HandshakeRecord,
): Promise<Uint8Array> {
  const fence = {
    roomId: idBytes(key.room),
    handshakeIndex: BigInt(record.index),
    epoch: record.epochAfter,
    handshakeHash: record.hash,
  };
  const value = roomsV1.SignedFence.decode(await signFence(key.org, fence, signer));
  return roomsV1.RoomRecord.encode({ content: { $case: "fence", value } }).finish();
}
