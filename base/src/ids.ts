import { baseErrors } from "./base-errors.ts";
import { HASH_BYTES, RANDOM_ID_BYTES } from "./limits.ts";
import { formatBase32, parseBase32 } from "./radix.ts";
import { type Random, randomBytes } from "./random.ts";

declare const idBrand: unique symbol;

/**
 * An id in its text form, `<prefix>_<base32 in lowercase>`: one spelling per value, safe as a token
 * of a NATS subject, in a JWT tag and in a URL.
 */
export type Id<Kind extends IdKind> = string & { readonly [idBrand]: Kind };

const idLayouts = {
  org: { prefix: "org", lengthBytes: HASH_BYTES },
  account: { prefix: "acct", lengthBytes: RANDOM_ID_BYTES },
  device: { prefix: "dev", lengthBytes: RANDOM_ID_BYTES },
  project: { prefix: "proj", lengthBytes: RANDOM_ID_BYTES },
  room: { prefix: "room", lengthBytes: RANDOM_ID_BYTES },
  statement: { prefix: "stmt", lengthBytes: RANDOM_ID_BYTES },
  invite: { prefix: "inv", lengthBytes: RANDOM_ID_BYTES },
  file: { prefix: "file", lengthBytes: RANDOM_ID_BYTES },
  message: { prefix: "msg", lengthBytes: RANDOM_ID_BYTES },
  group: { prefix: "grp", lengthBytes: HASH_BYTES },
} as const;

export type IdKind = keyof typeof idLayouts;

/** SHA-256 of the genesis statement: never drawn at random. */
export type OrgId = Id<"org">;
export type AccountId = Id<"account">;
export type DeviceId = Id<"device">;
export type ProjectId = Id<"project">;
export type RoomId = Id<"room">;
export type StatementId = Id<"statement">;
export type InviteId = Id<"invite">;
export type FileId = Id<"file">;
export type MessageId = Id<"message">;
/** The MLS group id of a room: 32 random bytes. */
export type GroupId = Id<"group">;

/** The bytes behind any id, for signatures and protobuf fields. */
export function idBytes(id: Id<IdKind>): Uint8Array<ArrayBuffer> {
  return parseBase32(id.slice(id.indexOf("_") + 1));
}

/** What a person sees of an id whose name is not known yet: prefix and eight characters. */
export function shortId(id: Id<IdKind>): string {
  return id.slice(0, id.indexOf("_") + 9);
}

function idFromBytes<Kind extends IdKind>(kind: Kind, bytes: Uint8Array): Id<Kind> {
  const { prefix, lengthBytes } = idLayouts[kind];
  if (bytes.length !== lengthBytes) {
    throw baseErrors.ERR_ID_MALFORMED(`${kind} id must be ${lengthBytes} bytes`);
  }
  return `${prefix}_${formatBase32(bytes)}` as Id<Kind>;
}

function parseId<Kind extends IdKind>(kind: Kind, text: string): Id<Kind> {
  const { prefix, lengthBytes } = idLayouts[kind];
  const expectedChars = prefix.length + 1 + Math.ceil((lengthBytes * 8) / 5);
  if (text.length !== expectedChars || !text.startsWith(`${prefix}_`)) {
    throw baseErrors.ERR_ID_MALFORMED(`not a ${kind} id`);
  }
  try {
    parseBase32(text.slice(prefix.length + 1));
  } catch (cause) {
    throw baseErrors.ERR_ID_MALFORMED(`not a ${kind} id`, { cause });
  }
  return text as Id<Kind>;
}

function readsAs(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

function newId<Kind extends Exclude<IdKind, "org">>(kind: Kind, random: Random): Id<Kind> {
  return idFromBytes(kind, randomBytes(random, idLayouts[kind].lengthBytes));
}

export const parseOrgId = (text: string): OrgId => parseId("org", text);
export const parseAccountId = (text: string): AccountId => parseId("account", text);
export const parseDeviceId = (text: string): DeviceId => parseId("device", text);
export const parseProjectId = (text: string): ProjectId => parseId("project", text);
export const parseRoomId = (text: string): RoomId => parseId("room", text);
export const parseStatementId = (text: string): StatementId => parseId("statement", text);
export const parseInviteId = (text: string): InviteId => parseId("invite", text);
export const parseFileId = (text: string): FileId => parseId("file", text);
export const parseMessageId = (text: string): MessageId => parseId("message", text);
export const parseGroupId = (text: string): GroupId => parseId("group", text);

export const orgIdFromBytes = (bytes: Uint8Array): OrgId => idFromBytes("org", bytes);
export const accountIdFromBytes = (bytes: Uint8Array): AccountId => idFromBytes("account", bytes);
export const deviceIdFromBytes = (bytes: Uint8Array): DeviceId => idFromBytes("device", bytes);
export const projectIdFromBytes = (bytes: Uint8Array): ProjectId => idFromBytes("project", bytes);
export const roomIdFromBytes = (bytes: Uint8Array): RoomId => idFromBytes("room", bytes);
export const statementIdFromBytes = (bytes: Uint8Array): StatementId =>
  idFromBytes("statement", bytes);
export const inviteIdFromBytes = (bytes: Uint8Array): InviteId => idFromBytes("invite", bytes);
export const fileIdFromBytes = (bytes: Uint8Array): FileId => idFromBytes("file", bytes);
export const messageIdFromBytes = (bytes: Uint8Array): MessageId => idFromBytes("message", bytes);
export const groupIdFromBytes = (bytes: Uint8Array): GroupId => idFromBytes("group", bytes);

export const newAccountId = (random: Random): AccountId => newId("account", random);
export const newDeviceId = (random: Random): DeviceId => newId("device", random);
export const newProjectId = (random: Random): ProjectId => newId("project", random);
export const newRoomId = (random: Random): RoomId => newId("room", random);
export const newStatementId = (random: Random): StatementId => newId("statement", random);
export const newInviteId = (random: Random): InviteId => newId("invite", random);
export const newFileId = (random: Random): FileId => newId("file", random);
export const newMessageId = (random: Random): MessageId => newId("message", random);
export const newGroupId = (random: Random): GroupId => newId("group", random);

export const isAccountId = (text: string): text is AccountId => readsAs(parseAccountId, text);
export const isDeviceId = (text: string): text is DeviceId => readsAs(parseDeviceId, text);
export const isOrgId = (text: string): text is OrgId => readsAs(parseOrgId, text);
export const isProjectId = (text: string): text is ProjectId => readsAs(parseProjectId, text);
export const isRoomId = (text: string): text is RoomId => readsAs(parseRoomId, text);
