import { type FileId, formatHex, parseHex, type RoomId } from "@cloister/base";
import type { StoreKey } from "../ports.ts";

/** Names of stored rows. What sorts is written in hex of fixed width. */
export const storeKeys = {
  schema: "meta/schema",
  identity: "identity",
  session: "session",
  access: "access",
  names: "names",
  logHead: "log/head",
  logConflict: "log/conflict",
  logEntries: "log/e/",
  logEntry: (position: number): StoreKey => `log/e/${fixedHex(position)}`,
  rooms: "room/",
  roomState: (room: RoomId): StoreKey => `room/${room}/state`,
  roomNames: (room: RoomId): StoreKey => `room/${room}/names`,
  chains: (room: RoomId): string => `room/${room}/chain/`,
  chain: (room: RoomId, device: string): StoreKey => `room/${room}/chain/${device}`,
  messages: (room: RoomId): string => `room/${room}/m/`,
  message: (room: RoomId, sequence: bigint): StoreKey => `room/${room}/m/${fixedHex(sequence)}`,
  queue: (room: RoomId): string => `room/${room}/q/`,
  queued: (room: RoomId, entry: number): StoreKey => `room/${room}/q/${fixedHex(entry)}`,
  flights: (room: RoomId): string => `room/${room}/s/`,
  flight: (room: RoomId, counter: bigint): StoreKey => `room/${room}/s/${fixedHex(counter)}`,
  setAside: (room: RoomId): string => `room/${room}/x/`,
  aside: (room: RoomId, sequence: bigint): StoreKey => `room/${room}/x/${fixedHex(sequence)}`,
  files: (room: RoomId): string => `room/${room}/f/`,
  filesNamed: (room: RoomId, file: FileId): string => `room/${room}/f/${file}/`,
  file: (room: RoomId, file: FileId, sequence: bigint): StoreKey =>
    `room/${room}/f/${file}/${fixedHex(sequence)}`,
  uploadsOf: (room: RoomId): string => `upload/${room}/`,
  upload: (room: RoomId, file: FileId): StoreKey => `upload/${room}/${file}`,
  engine: "engine/",
  engineEntry: (key: Uint8Array): StoreKey => `engine/${formatHex(key)}`,
} as const;

export function engineKeyOf(key: StoreKey): Uint8Array {
  return parseHex(key.slice(storeKeys.engine.length));
}

/** 16 digits: sorts as the number does. */
export function fixedHex(value: number | bigint): string {
  return BigInt(value).toString(16).padStart(16, "0");
}
