import {
  type DeviceId,
  deviceIdFromBytes,
  type EpochMs,
  type GatewayKey,
  MAX_NATS_JWT_MS,
  markVerified,
  parseEpochMs,
  type RoomId,
  roomIdFromBytes,
  type Verified,
} from "@cloister/base";
import { parseMessage, type UserNkey, userNkeyFromBytes } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { liveDevice } from "../state/devices.ts";
import type { OrgState } from "../state/org-state.ts";
import { isMember } from "../state/roles.ts";
import { checkLifetime, verifyGatewayToken } from "./verify-gateway-token.ts";

/** The rooms that a gateway decided for a device, less those whose role has ended since. */
export interface PassView {
  readonly device: DeviceId;
  readonly nkey: UserNkey;
  readonly rooms: readonly RoomId[];
  readonly expiresMs: EpochMs;
  readonly gateway: GatewayKey;
}

export interface PassQuery {
  /** Encoded Signed. */
  readonly token: Uint8Array;
  readonly at: number;
  readonly nowMs: EpochMs;
  /** Who shows it, as the server's permissions prove. */
  readonly nkey: UserNkey;
}

/** Throws unless a gateway in force issued this pass to the live device that shows it. */
export function verifyPass(state: OrgState, query: PassQuery): Verified<PassView> {
  const { at, nowMs } = query;
  const { fields, gateway } = verifyGatewayToken(state, {
    type: "pass",
    token: query.token,
    at,
    parse: (payload) => parseMessage("cloister.rooms.v1.Pass", payload),
  });
  const issuedMs = parseEpochMs(fields.issuedMs);
  const expiresMs = parseEpochMs(fields.expiresMs);
  checkLifetime({ issuedMs, expiresMs, maxMs: MAX_NATS_JWT_MS }, nowMs);
  const device = deviceIdFromBytes(fields.deviceId);
  const nkey = userNkeyFromBytes(fields.nkey);
  const { certificate } = liveDevice(state, { device, at });
  if (nkey !== query.nkey || certificate.nkey !== nkey) {
    throw rulesErrors.ERR_VERIFICATION_TOKEN_MISMATCH("the pass was issued to another device");
  }
  const { account } = certificate;
  const rooms = [...new Set(fields.roomIds.map(roomIdFromBytes))];
  return markVerified({
    device,
    nkey,
    rooms: rooms.filter((room) => isMember(state, { account, room, at })),
    expiresMs,
    gateway,
  });
}
