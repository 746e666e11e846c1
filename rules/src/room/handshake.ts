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

const notVoid: ReadonlySet<string> = new Set([
  "ERR_HANDSHAKE_LOG_AHEAD",
  "ERR_VERIFICATION_LOG_FORK",
]);

/**
 * True if the error says that the handshake itself is void and is to be skipped. False where the log
 * has to be fetched first, where the log is forked (stop), and for whatever is no verdict at all.
 */
export function isVoidHandshake(error: unknown): boolean {
  if (!isCloisterError(error) || notVoid.has(error.code)) return false;
  return error.kind === "Verification" || error.kind === "Codec" || error.kind === "Limit";
}
