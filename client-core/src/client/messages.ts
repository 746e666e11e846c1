import { fileIdFromBytes, messageIdFromBytes, parseEpochMs, type RoomId } from "@cloister/base";
import { roomsV1 } from "@cloister/proto";
import type { FileInfo, MessagesOptions, RoomMessage } from "../client-types.ts";
import { clientErrors } from "../errors.ts";
import { isWholeManifest } from "../files/manifest.ts";
import { parseMessageRow, type StoredBatch } from "../room/rows.ts";
import { fixedHex, storeKeys } from "../store/keys.ts";
import { personName } from "./person-name.ts";
import type { ClientSession } from "./session.ts";

/** Rows of history that are opened at a time; one holds up to 400 KiB. */
const PAGE_ROWS = 16;

/**
 * A room's messages in the order of the server's stream. Only what lies below the position is shown:
 * from there on another device's record may still come in between.
 */
export async function* readMessages(
  session: ClientSession,
  room: RoomId,
  options: MessagesOptions & { caughtUp(): Promise<void> },
): AsyncIterable<RoomMessage> {
  const { device, hub, closing } = session;
  const isLive = options.live ?? true;
  let after = parsePosition(options.after);
  if (!isLive && device.link !== undefined) await options.caughtUp();
  while (!closing.signal.aborted && options.signal?.aborted !== true) {
    const seen = hub.version;
    const rows = await readRows(session, room, after);
    for (const row of rows) {
      for (const message of messagesOf(session, room, row)) {
        if (message.position <= (after?.text ?? "")) continue;
        yield message;
      }
      after = { row: row.sequence, text: `${fixedHex(row.sequence)}.ffff` };
    }
    if (rows.length > 0) continue;
    if (!isLive) return;
    await changedOr(hub.after(seen), options.signal);
  }
}

interface Position {
  /** The row that holds it, already read up to here. */
  readonly row: bigint;
  readonly text: string;
}

function parsePosition(text: string | undefined): Position | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9a-f]{16}\.[0-9a-f]{4}$/.test(text)) {
    throw clientErrors.ERR_POSITION_MALFORMED("not a position of a message");
  }
  return { row: BigInt(`0x${text.slice(0, 16)}`), text };
}

interface HistoryRow extends StoredBatch {
  readonly sequence: bigint;
}

async function readRows(
  { store, device }: ClientSession,
  room: RoomId,
  after: Position | undefined,
): Promise<HistoryRow[]> {
  const { position } = device.room(room).durable;
  const prefix = storeKeys.messages(room);
  // The row itself may hold more after the position: `~` sorts behind no digit of it.
  const isInside = after !== undefined && !after.text.endsWith(".ffff");
  const from = after === undefined ? undefined : isInside ? after.row - 1n : after.row;
  const rows = await store.list({
    prefix,
    after: from === undefined || from < 0n ? undefined : prefix + fixedHex(from),
    limit: PAGE_ROWS,
  });
  return rows
    .map(({ key, value }) => ({
      ...parseMessageRow(value),
      sequence: BigInt(`0x${key.slice(prefix.length)}`),
    }))
    .filter(({ sequence }) => sequence <= position);
}

function* messagesOf(
  session: ClientSession,
  room: RoomId,
  row: HistoryRow,
): Generator<RoomMessage> {
  const { items } = roomsV1.Batch.decode(row.batch);
  const name = personName(session, row.account);
  for (const [index, item] of items.entries()) {
    const body = bodyOf(item);
    const said = headOf(item);
    if (body === undefined || said === undefined) continue;
    yield {
      ...said,
      room,
      account: row.account,
      device: row.device,
      personName: name,
      position: `${fixedHex(row.sequence)}.${index.toString(16).padStart(4, "0")}`,
      own: row.own,
      body,
    };
  }
}

/** Undefined for an item that breaks the contract: a member's bad word spoils no other. */
function headOf(item: roomsV1.Item): Pick<RoomMessage, "id" | "sentAt"> | undefined {
  try {
    return { id: messageIdFromBytes(item.messageId), sentAt: parseEpochMs(item.sentMs) };
  } catch {
    return undefined;
  }
}

/** Undefined for what the client says to itself. */
function bodyOf({ body }: roomsV1.Item): RoomMessage["body"] | undefined {
  switch (body?.$case) {
    case "text":
      return { kind: "text", text: body.value };
    case "file":
      return isWholeManifest(body.value)
        ? { kind: "file", file: fileInfo(body.value) }
        : { kind: "unknown" };
    case "profile":
    case "epochConfirmed":
      return undefined;
    case undefined:
      return { kind: "unknown" };
    default:
      throw body satisfies never;
  }
}

export function fileInfo(manifest: roomsV1.FileManifest): FileInfo {
  return {
    id: fileIdFromBytes(manifest.fileId),
    name: manifest.name,
    mediaType: manifest.mediaType,
    lengthBytes: Number(manifest.lengthBytes),
    sha256: manifest.sha256,
  };
}

async function changedOr(changed: Promise<void>, signal: MessagesOptions["signal"]): Promise<void> {
  if (signal === undefined) return changed;
  let release: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => {
    release = resolve;
    signal.addEventListener("abort", resolve);
    if (signal.aborted) resolve();
  });
  await Promise.race([changed, aborted]);
  signal.removeEventListener("abort", release);
}
