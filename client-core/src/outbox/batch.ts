import { concatBytes, type DeviceId, idBytes, type RoomId } from "@cloister/base";
import { roomsV1 } from "@cloister/proto";
import { MAX_BATCH_ITEM_BYTES, MAX_BATCH_ITEMS } from "../limits.ts";

/** Encoded items as one row of the queue holds them: the `items` fields of a Batch, nothing else. */
export function encodeItems(items: readonly roomsV1.Item[]): Uint8Array {
  return roomsV1.Batch.encode({ ...emptyBatch, items: [...items] }).finish();
}

const none = new Uint8Array(0);
const emptyBatch: roomsV1.Batch = {
  roomId: none,
  deviceId: none,
  counter: 0n,
  previousHash: none,
  checkpoint: none,
  items: [],
};

export interface BatchHead {
  readonly room: RoomId;
  readonly device: DeviceId;
  readonly counter: bigint;
  readonly previousHash: Uint8Array;
  /** Encoded Signed "checkpoint". */
  readonly checkpoint: Uint8Array;
}

/**
 * A batch of what the queue's rows hold. Concatenated protobuf messages are one message with the
 * fields of all (protobuf encoding, "Last One Wins"), so nothing queued is encoded anew.
 */
export function encodeBatch(head: BatchHead, items: readonly Uint8Array[]): Uint8Array {
  const encoded = roomsV1.Batch.encode({
    roomId: idBytes(head.room),
    deviceId: idBytes(head.device),
    counter: head.counter,
    previousHash: head.previousHash,
    checkpoint: head.checkpoint,
    items: [],
  }).finish();
  return concatBytes(encoded, ...items);
}

/** What counts towards the limits of one batch. */
export interface Weighed {
  readonly itemBytes: number;
  readonly itemCount: number;
}

/** How many from the front of the queue go into one batch: as many as fit, at least one. */
export function countForBatch(queue: readonly Weighed[]): number {
  let bytes = 0;
  let items = 0;
  let count = 0;
  for (const entry of queue) {
    bytes += entry.itemBytes;
    items += entry.itemCount;
    if (count > 0 && (bytes > MAX_BATCH_ITEM_BYTES || items > MAX_BATCH_ITEMS)) break;
    count += 1;
  }
  return count;
}

/** Splits items into rows that each fit a batch. */
export function splitItems(items: readonly roomsV1.Item[]): roomsV1.Item[][] {
  const rows: roomsV1.Item[][] = [];
  let row: roomsV1.Item[] = [];
  let rowBytes = 0;
  for (const item of items) {
    const bytes = itemBytes(item);
    if (
      row.length > 0 &&
      (rowBytes + bytes > MAX_BATCH_ITEM_BYTES || row.length >= MAX_BATCH_ITEMS)
    ) {
      rows.push(row);
      row = [];
      rowBytes = 0;
    }
    row.push(item);
    rowBytes += bytes;
  }
  return row.length > 0 ? [...rows, row] : rows;
}

/** An upper bound without encoding: UTF-8 takes at most three bytes for a UTF-16 unit. */
function itemBytes({ body }: roomsV1.Item): number {
  const overhead = 64;
  if (body?.$case === "text") return overhead + utf8Length(body.value);
  if (body?.$case === "file") return overhead + 512 + 3 * body.value.name.length;
  if (body?.$case === "profile") return overhead + 1024 + 600 * body.value.knownNames.length;
  return overhead + 128;
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00) {
      bytes += 4;
      index += 1;
    } else bytes += 3;
  }
  return bytes;
}
