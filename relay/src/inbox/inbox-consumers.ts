import { isRoomId, type RoomId } from "@cloister/base";
import { roomFilter, streamNames, type UserNkey } from "@cloister/proto";
import {
  INBOX_ACK_WAIT_MS,
  INBOX_INACTIVE_MS,
  INBOX_MAX_ACK_PENDING,
  INBOX_MAX_WAITING,
} from "../limits.ts";
import type { JetStreamApi } from "../store/jetstream-api.ts";
import { isStoreProblem } from "../store/store-error.ts";

const stream = streamNames.rooms;
const nsPerMs = 1e6;

export interface Inbox {
  readonly nkey: UserNkey;
  readonly rooms: readonly RoomId[];
  /** Sequence of the first record that the device may still lack. */
  readonly from: number;
}

interface ConsumerInfo {
  readonly config: {
    readonly filter_subject?: string;
    readonly filter_subjects?: readonly string[];
    readonly opt_start_seq?: number;
  };
}

/** The durable consumers in an org's account: one a device, named by its nkey. */
export class InboxConsumers {
  readonly #api: JetStreamApi;

  constructor(api: JetStreamApi) {
    this.#api = api;
  }

  /** Puts a new consumer in the place of the device's old one. Without a room there is none. */
  async replace(inbox: Inbox): Promise<void> {
    await this.remove(inbox.nkey);
    // A consumer without a filter would deliver every room of the org.
    if (inbox.rooms.length > 0) await this.#put("create", inbox);
  }

  async remove(nkey: UserNkey): Promise<void> {
    try {
      await this.#api.call(`CONSUMER.DELETE.${stream}.${nkey}`, {});
    } catch (error) {
      if (!isStoreProblem(error, "missing")) throw error;
    }
  }

  /** Leaves the device those of its rooms that `isAllowed`. */
  async restrict(nkey: UserNkey, isAllowed: (room: RoomId) => boolean): Promise<void> {
    const info = await this.#info(nkey);
    if (info === undefined) return;
    const rooms = roomsOf(info);
    const left = rooms.filter(isAllowed);
    if (left.length === rooms.length && rooms.length > 0) return;
    if (left.length === 0) return this.remove(nkey);
    await this.#put("update", { nkey, rooms: left, from: info.config.opt_start_seq ?? 1 });
  }

  /** Names of all consumers: nkeys, since nobody else makes any. */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for (;;) {
      const answer = (await this.#api.call(`CONSUMER.NAMES.${stream}`, {
        offset: names.length,
      })) as { readonly total: number; readonly consumers?: readonly string[] };
      names.push(...(answer.consumers ?? []));
      if (names.length >= answer.total || (answer.consumers ?? []).length === 0) return names;
    }
  }

  async #info(nkey: UserNkey): Promise<ConsumerInfo | undefined> {
    try {
      return (await this.#api.call(`CONSUMER.INFO.${stream}.${nkey}`, {})) as ConsumerInfo;
    } catch (error) {
      if (isStoreProblem(error, "missing")) return undefined;
      throw error;
    }
  }

  async #put(action: "create" | "update", inbox: Inbox): Promise<void> {
    await this.#api.call(`CONSUMER.CREATE.${stream}.${inbox.nkey}`, {
      stream_name: stream,
      action,
      config: {
        name: inbox.nkey,
        durable_name: inbox.nkey,
        ack_policy: "explicit",
        deliver_policy: "by_start_sequence",
        opt_start_seq: inbox.from,
        filter_subjects: inbox.rooms.map(roomFilter),
        ack_wait: INBOX_ACK_WAIT_MS * nsPerMs,
        inactive_threshold: INBOX_INACTIVE_MS * nsPerMs,
        max_ack_pending: INBOX_MAX_ACK_PENDING,
        max_waiting: INBOX_MAX_WAITING,
        replay_policy: "instant",
      },
    });
  }
}

function roomsOf({ config }: ConsumerInfo): RoomId[] {
  const single = config.filter_subject === undefined ? [] : [config.filter_subject];
  return (config.filter_subjects ?? single)
    .map((subject) => subject.split(".")[1] ?? "")
    .filter(isRoomId);
}
