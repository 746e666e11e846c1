import {
  type AccountId,
  concatBytes,
  type DeviceId,
  fileIdFromBytes,
  messageIdFromBytes,
  parseAccountId,
  parseDeviceId,
  type RoomId,
} from "@cloister/base";
import { roomsV1 } from "@cloister/proto";
import { clientErrors } from "../errors.ts";
import type { SenderChain } from "../inbox/chain.ts";
import {
  encodeStored,
  fieldsOf,
  parseStored,
  type StoredHeader,
  storedBytes,
} from "../store/frame.ts";
import { storeKeys } from "../store/keys.ts";
import type { PlainRow } from "../store/seal-store.ts";
import type {
  Durable,
  DurablePhase,
  Flight,
  GroupPoint,
  PendingHandshake,
  QueueRow,
  RoomNames,
} from "./state.ts";

/** The stored forms of a room, version 1. docs/adr/0006 lists them; golden bytes in rows.test.ts. */

const phases: readonly DurablePhase[] = [
  "absent",
  "joining",
  "confirming",
  "active",
  "removed",
  "stopped",
];

export function durableRow(room: RoomId, durable: Durable): PlainRow {
  const { group, pending } = durable;
  const header = {
    ...durable.unknown,
    phase: durable.phase,
    stopped: durable.stopped ?? null,
    group: group === undefined ? null : groupHeader(group),
    rememberedEpoch: String(durable.rememberedEpoch),
    position: String(durable.position),
    fenceSequence: String(durable.fenceSequence),
    ownCounter: String(durable.ownCounter),
    ownHash: storedBytes(durable.ownHash),
    nextRow: durable.nextRow,
    ownAhead: durable.ownAhead.map(String),
    recentOwn: durable.recentOwn.map(storedBytes),
    authenticators: durable.authenticators.map(({ epoch, value }) => [
      String(epoch),
      storedBytes(value),
    ]),
    confirmDue:
      durable.confirmDue === undefined
        ? null
        : { epoch: String(durable.confirmDue.epoch), account: durable.confirmDue.account },
    pending:
      pending === undefined
        ? null
        : { kind: pending.kind, index: String(pending.index), logSize: pending.logSize },
    sentName: durable.sentName ?? null,
    setAside: durable.setAside,
    skipped: durable.skipped,
    mustResync: durable.mustResync,
  };
  return { key: storeKeys.roomState(room), value: encodeStored(header, pending?.record) };
}

function groupHeader(group: GroupPoint): StoredHeader {
  return {
    index: String(group.index),
    hash: storedBytes(group.hash),
    epoch: String(group.epoch),
    logSize: group.logSize,
    ownLeaf: group.ownLeaf,
    refused: group.refused.map(storedBytes),
  };
}

const knownFields: ReadonlySet<string> = new Set([
  "phase",
  "stopped",
  "group",
  "rememberedEpoch",
  "position",
  "fenceSequence",
  "ownCounter",
  "ownHash",
  "nextRow",
  "ownAhead",
  "recentOwn",
  "authenticators",
  "confirmDue",
  "pending",
  "sentName",
  "setAside",
  "skipped",
  "mustResync",
]);

export function parseDurable(bytes: Uint8Array): Durable {
  const { header, body } = parseStored(bytes);
  const fields = fieldsOf(header);
  const phase = phases.find((known) => known === fields.text("phase"));
  if (phase === undefined) throw malformed();
  const stopped = fields.record("stopped");
  const group = fields.record("group");
  const confirmDue = fields.record("confirmDue");
  return {
    phase,
    stopped:
      stopped === undefined
        ? undefined
        : { code: fieldsOf(stopped).text("code"), text: fieldsOf(stopped).text("text") },
    group: group === undefined ? undefined : parseGroup(group),
    rememberedEpoch: fields.bigint("rememberedEpoch"),
    position: fields.bigint("position"),
    fenceSequence: fields.bigint("fenceSequence"),
    ownCounter: fields.bigint("ownCounter"),
    ownHash: fields.bytes("ownHash"),
    nextRow: fields.number("nextRow"),
    ownAhead: fields.list("ownAhead").map((item) => BigInt(textOf(item))),
    recentOwn: fields.list("recentOwn").map((value) => fieldsOf({ value }).bytes("value")),
    authenticators: fields.list("authenticators").map((item) => {
      const [epoch, value] = pairOf(item);
      return { epoch: BigInt(epoch), value: fieldsOf({ value }).bytes("value") };
    }),
    confirmDue:
      confirmDue === undefined
        ? undefined
        : {
            epoch: fieldsOf(confirmDue).bigint("epoch"),
            account: parseAccountId(fieldsOf(confirmDue).text("account")),
          },
    pending: parsePending(fields.record("pending"), body),
    sentName: fields.optionalText("sentName"),
    setAside: fields.number("setAside"),
    skipped: fields.number("skipped"),
    mustResync: fields.flag("mustResync"),
    unknown: Object.fromEntries(Object.entries(header).filter(([name]) => !knownFields.has(name))),
  };
}

function parseGroup(header: StoredHeader): GroupPoint {
  const fields = fieldsOf(header);
  return {
    index: fields.bigint("index"),
    hash: fields.bytes("hash"),
    epoch: fields.bigint("epoch"),
    logSize: fields.number("logSize"),
    ownLeaf: fields.number("ownLeaf"),
    refused: fields.list("refused").map((value) => fieldsOf({ value }).bytes("value")),
  };
}

function parsePending(
  header: StoredHeader | undefined,
  record: Uint8Array,
): PendingHandshake | undefined {
  if (header === undefined) return undefined;
  const fields = fieldsOf(header);
  const kind = fields.text("kind");
  if (kind !== "create" && kind !== "join" && kind !== "commit") throw malformed();
  return { kind, index: fields.bigint("index"), logSize: fields.number("logSize"), record };
}

export function chainRow(room: RoomId, device: DeviceId, chain: SenderChain): PlainRow {
  const value = encodeStored({
    counter: String(chain.counter),
    hash: storedBytes(chain.hash),
    missing: chain.missing.map(({ counter, hash }) => [
      String(counter),
      hash === undefined ? "" : storedBytes(hash),
    ]),
    recent: chain.recent.map(({ counter, hash }) => [String(counter), storedBytes(hash)]),
  });
  return { key: storeKeys.chain(room, device), value };
}

export function parseChain(bytes: Uint8Array): SenderChain {
  const fields = fieldsOf(parseStored(bytes).header);
  return {
    counter: fields.bigint("counter"),
    hash: fields.bytes("hash"),
    missing: fields.list("missing").map((item) => {
      const [counter, value] = pairOf(item);
      return {
        counter: BigInt(counter),
        hash: value === "" ? undefined : fieldsOf({ value }).bytes("value"),
      };
    }),
    recent: fields.list("recent").map((item) => {
      const [counter, value] = pairOf(item);
      return { counter: BigInt(counter), hash: fieldsOf({ value }).bytes("value") };
    }),
  };
}

/** Body: the items as a batch will carry them. */
export function queueRow(room: RoomId, row: QueueRow): PlainRow {
  return { key: storeKeys.queued(room, row.row), value: encodeStored({ row: row.row }, row.items) };
}

export function parseQueueRow(bytes: Uint8Array): QueueRow {
  const { header, body } = parseStored(bytes);
  const items = Uint8Array.from(body);
  const { items: decoded } = roomsV1.Batch.decode(items);
  return {
    row: fieldsOf(header).number("row"),
    items,
    itemBytes: items.length,
    itemCount: decoded.length,
    ids: decoded.map(({ messageId }) => messageIdFromBytes(messageId)),
  };
}

/**
 * Header: what is needed to send it again; body: head of the batch ‖ payload. The batch's items are
 * not written a second time: they stand in the queue's rows until the batch is stored.
 */
export function flightRow(room: RoomId, flight: Flight): PlainRow {
  const itemBytes = flight.rows.reduce((sum, row) => sum + row.itemBytes, 0);
  const head = flight.batch.subarray(0, flight.batch.length - itemBytes);
  const header = {
    counter: String(flight.counter),
    rows: flight.rows.map(({ row }) => row),
    epoch: String(flight.epoch),
    messageId: flight.messageId,
    tries: flight.tries,
    headBytes: head.length,
  };
  const value = encodeStored(header, concatBytes(head, flight.payload));
  return { key: storeKeys.flight(room, flight.counter), value };
}

export function parseFlight(
  bytes: Uint8Array,
  queue: readonly QueueRow[],
  sha256: (data: Uint8Array) => Uint8Array,
): Flight {
  const { header, body } = parseStored(bytes);
  const fields = fieldsOf(header);
  const numbers = new Set(fields.list("rows"));
  const rows = queue.filter(({ row }) => numbers.has(row));
  if (rows.length !== numbers.size) throw malformed();
  const head = body.subarray(0, fields.number("headBytes"));
  const batch = concatBytes(head, ...rows.map(({ items }) => items));
  const payload = Uint8Array.from(body.subarray(head.length));
  return {
    counter: fields.bigint("counter"),
    rows,
    batch,
    hash: sha256(batch),
    epoch: fields.bigint("epoch"),
    payload,
    digest: sha256(payload),
    messageId: fields.text("messageId"),
    state: "ready",
    tries: fields.number("tries"),
  };
}

/** A batch as it is kept for readers; body: the encoded Batch, unknown fields and all. */
export interface StoredBatch {
  readonly account: AccountId;
  readonly device: DeviceId;
  readonly own: boolean;
  readonly batch: Uint8Array;
}

export function messageRow(room: RoomId, sequence: bigint, stored: StoredBatch): PlainRow {
  const { account, device, own } = stored;
  const value = encodeStored({ account, device, own }, stored.batch);
  return { key: storeKeys.message(room, sequence), value };
}

export function parseMessageRow(bytes: Uint8Array): StoredBatch {
  const { header, body } = parseStored(bytes);
  const fields = fieldsOf(header);
  return {
    account: parseAccountId(fields.text("account")),
    device: parseDeviceId(fields.text("device")),
    own: fields.flag("own"),
    batch: body,
  };
}

/**
 * A file that was told of in the room; body: its manifest. Rows of one file sort by the sequence that
 * told of it, one's own before all: the first counts, so no member puts another file in its place.
 */
export function fileRow(
  room: RoomId,
  manifest: roomsV1.FileManifest,
  sequence: bigint | "own",
): PlainRow {
  const body = roomsV1.FileManifest.encode(manifest).finish();
  const order = sequence === "own" ? 0n : sequence;
  return {
    key: storeKeys.file(room, fileIdFromBytes(manifest.fileId), order),
    value: encodeStored({}, body),
  };
}

/** A record that could not be opened: kept as it came, with the reason. */
export function asideRow(
  room: RoomId,
  sequence: bigint,
  aside: { readonly code: string; readonly subject: string; readonly payload: Uint8Array },
): PlainRow {
  const value = encodeStored({ code: aside.code, subject: aside.subject }, aside.payload);
  return { key: storeKeys.aside(room, sequence), value };
}

export function namesRow(room: RoomId, names: RoomNames): PlainRow {
  const value = encodeStored({
    room: names.room ?? null,
    own: [...names.own],
    told: [...names.told],
  });
  return { key: storeKeys.roomNames(room), value };
}

export function parseNames(bytes: Uint8Array): RoomNames {
  const fields = fieldsOf(parseStored(bytes).header);
  const names = (field: string): Map<AccountId, string> =>
    new Map(
      fields.list(field).map((item) => {
        const [account, name] = pairOf(item);
        return [parseAccountId(account), name] as const;
      }),
    );
  return { room: fields.optionalText("room"), own: names("own"), told: names("told") };
}

function pairOf(item: unknown): readonly [string, string] {
  if (!Array.isArray(item) || item.length !== 2) throw malformed();
  return [textOf(item[0]), textOf(item[1])];
}

function textOf(item: unknown): string {
  if (typeof item !== "string") throw malformed();
  return item;
}

function malformed(): Error {
  return clientErrors.ERR_STORE_FORMAT("a stored room has another format");
}
