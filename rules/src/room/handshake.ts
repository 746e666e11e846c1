import {
  type DeviceId,
  deviceIdFromBytes,
  isCloisterError,
  type OrgId,
  orgIdFromBytes,
  sha256 as portableSha256,
  type RoomId,
  roomIdFromBytes,
  type Sha256,
} from "@cloister/base";
import { parseMessage, type roomsV1 } from "@cloister/proto";
import { MAX_HANDSHAKE_BYTES } from "../limits.ts";
import { parseCount } from "../log/count.ts";

/** A handshake record as read: nothing of it is verified. For the engine, and for finding its place. */
export interface HandshakeEnvelope {
  /** The bytes that the signature covers. */
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
  /** SHA-256 of the whole record: what the next one names. */
  readonly hash: Uint8Array;
  readonly org: OrgId;
  readonly room: RoomId;
  readonly device: DeviceId;
  readonly index: number;
  readonly message: roomsV1.Handshake;
}

/** @param record encoded SignedHandshake. */
export function parseHandshake(
  record: Uint8Array,
  sha256: Sha256 = portableSha256,
): HandshakeEnvelope {
  const signed = parseMessage("cloister.rooms.v1.SignedHandshake", record, MAX_HANDSHAKE_BYTES);
  const message = parseMessage(
    "cloister.rooms.v1.Handshake",
    signed.handshake,
    MAX_HANDSHAKE_BYTES,
  );
  return {
    bytes: signed.handshake,
    signature: signed.signature,
    hash: sha256(record),
    org: orgIdFromBytes(message.orgId),
    room: roomIdFromBytes(message.roomId),
    device: deviceIdFromBytes(message.deviceId),
    index: parseCount(message.index),
    message,
  };
}

/**
 * Final reasons, the same for the relay and every member who holds the log of the commit's size. The
 * list is closed: what is local to one reader, such as a shorter log, would split the room.
 */
const voidCodes: ReadonlySet<string> = new Set([
  // Bytes that say nothing.
  "ERR_ENCODING",
  "ERR_ID_MALFORMED",
  "ERR_KEY_MALFORMED",
  "ERR_MESSAGE_INVALID",
  "ERR_MESSAGE_MALFORMED",
  "ERR_MESSAGE_TOO_LARGE",
  "ERR_TIME_MALFORMED",
  "ERR_VERIFICATION_LOG_POSITION",
  // The record, its place and its commit.
  "ERR_HANDSHAKE_ADD",
  "ERR_HANDSHAKE_ADD_POLICY",
  "ERR_HANDSHAKE_BINDING",
  "ERR_HANDSHAKE_BY_REFERENCE",
  "ERR_HANDSHAKE_CHECKPOINT",
  "ERR_HANDSHAKE_CONTEXT",
  "ERR_HANDSHAKE_DUPLICATE_LEAF",
  "ERR_HANDSHAKE_GRANT",
  "ERR_HANDSHAKE_GRANT_MISSING",
  "ERR_HANDSHAKE_GRANT_POLICY",
  "ERR_HANDSHAKE_LEAF_LEFT",
  "ERR_HANDSHAKE_LOG_SIZE_FELL",
  "ERR_HANDSHAKE_PATH",
  "ERR_HANDSHAKE_POSITION",
  "ERR_HANDSHAKE_PROPOSAL",
  "ERR_HANDSHAKE_REFUSES",
  "ERR_HANDSHAKE_REMOVE",
  "ERR_HANDSHAKE_ROOM",
  "ERR_HANDSHAKE_SENDER",
  "ERR_HANDSHAKE_SHAPE",
  "ERR_HANDSHAKE_SIGNATURE",
  // Its grant.
  "ERR_VERIFICATION_GATEWAY",
  "ERR_VERIFICATION_ORG",
  "ERR_VERIFICATION_TOKEN_SIGNATURE",
  "ERR_VERIFICATION_TOKEN_TYPE",
]);

/**
 * True if the error says that the handshake itself is void and is to be skipped. False where the log
 * has to be fetched first, where the log is forked (stop), and for whatever is no verdict at all.
 */
export function isVoidHandshake(error: unknown): boolean {
  return isCloisterError(error) && voidCodes.has(error.code);
}
