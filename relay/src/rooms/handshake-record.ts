import {
  type DeviceId,
  deviceIdFromBytes,
  type OrgId,
  orgIdFromBytes,
  type RoomId,
  roomIdFromBytes,
  sha256,
} from "@cloister/base";
import { parseMessage, type roomsV1 } from "@cloister/proto";
import { relayErrors } from "../errors.ts";

/** A handshake as it lies on the wire and in the store, with what it says. Nothing is verified. */
export interface HandshakeRecord {
  /** Encoded SignedHandshake, as received. */
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
  readonly handshake: roomsV1.Handshake;
  readonly org: OrgId;
  readonly room: RoomId;
  readonly device: DeviceId;
  readonly index: number;
  readonly isCreation: boolean;
  /** Of the group after it. */
  readonly epochAfter: bigint;
  /** Size of the log that the handshake's checkpoint names. */
  readonly logSize: number;
}

export function parseHandshakeRecord(bytes: Uint8Array): HandshakeRecord {
  const signed = parseMessage("cloister.rooms.v1.SignedHandshake", bytes);
  const handshake = parseMessage("cloister.rooms.v1.Handshake", signed.handshake);
  const isCreation = handshake.commit.length === 0;
  return {
    bytes,
    hash: sha256(bytes),
    handshake,
    org: orgIdFromBytes(handshake.orgId),
    room: roomIdFromBytes(handshake.roomId),
    device: deviceIdFromBytes(handshake.deviceId),
    index: safeNumber(handshake.index),
    isCreation,
    epochAfter: isCreation ? handshake.epoch : handshake.epoch + 1n,
    logSize: checkpointSize(handshake.checkpoint),
  };
}

function checkpointSize(bytes: Uint8Array): number {
  const signed = parseMessage("cloister.common.v1.Signed", bytes);
  return safeNumber(parseMessage("cloister.common.v1.Checkpoint", signed.payload).size);
}

/** Counts of a log and of a room's handshakes: 2^53 is out of reach. */
export function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw relayErrors.ERR_HANDSHAKE_MALFORMED("a count exceeds 2^53");
  }
  return Number(value);
}
