import type { FileId, OrgId, RoomId } from "@cloister/base";
import type { UserNkey } from "./nkey.ts";

/** Names of streams; docs/protocol.md says which account each lives in. */
export const streamNames = {
  log: "LOG",
  handshakes: "HANDSHAKES",
  rooms: "ROOMS",
  files: "FILES",
} as const;

/** `log.<org>` in ACCOUNTS. */
export function logSubject(org: OrgId): string {
  return `log.${org}`;
}

/** `hs.<org>.<room>` in DELIVERY. */
export function handshakeSubject(org: OrgId, room: RoomId): string {
  return `hs.${org}.${room}`;
}

/** Where a device publishes a room's records. */
export function roomSubject(room: RoomId, sender: UserNkey): string {
  return `room.${room}.${sender}`;
}

/** Where the relay alone publishes the room's fences. */
export function fenceSubject(room: RoomId): string {
  return `room.${room}.fence`;
}

/** Everything of a room: records of all devices, and fences. */
export function roomFilter(room: RoomId): string {
  return `room.${room}.>`;
}

export interface FileChunk {
  readonly room: RoomId;
  readonly sender: UserNkey;
  readonly file: FileId;
  /** From 0. */
  readonly index: number;
}

export function fileChunkSubject({ room, sender, file, index }: FileChunk): string {
  return `file.${room}.${sender}.${file}.${index}`;
}

/** Every chunk of one file. */
export function fileFilter({ room, sender, file }: Omit<FileChunk, "index">): string {
  return `file.${room}.${sender}.${file}.*`;
}

/** A device's call to the Delivery Service. */
export function deliverySubject(caller: UserNkey, method: string): string {
  return `ds.v1.${caller}.${method}`;
}

/** A service's call to accounts. */
export function accountsSubject(method: string): string {
  return `accounts.v1.${method}`;
}

/** The device's own inbox; set as `inboxPrefix` of its connection. */
export function inboxPrefix(owner: UserNkey): string {
  return `_INBOX.${owner}`;
}

/** The tag of a NATS user JWT that the scope templates expand. */
export function roomTag(room: RoomId): string {
  return `room:${room}`;
}
