import {
  type AccountId,
  accountIdFromBytes,
  type DeviceId,
  deviceIdFromBytes,
  type EpochMs,
  type GatewayKey,
  type LeafKey,
  MAX_GRANT_MS,
  markVerified,
  parseEpochMs,
  publicKeyFromBytes,
  type RoomId,
  roomIdFromBytes,
  type Verified,
} from "@cloister/base";
import { parseMessage } from "@cloister/proto";
import { parseCount } from "../log/count.ts";
import type { OrgState } from "../state/org-state.ts";
import { checkLifetime, verifyGatewayToken } from "./verify-gateway-token.ts";

/** Permission for one leaf key of one device to join one room at one epoch. */
export interface GrantView {
  readonly room: RoomId;
  readonly account: AccountId;
  readonly device: DeviceId;
  readonly leafKey: LeafKey;
  readonly epoch: bigint;
  readonly policyHash: Uint8Array;
  readonly logSize: number;
  readonly issuedMs: EpochMs;
  readonly expiresMs: EpochMs;
  readonly gateway: GatewayKey;
}

export interface GrantQuery {
  /** Encoded Signed. */
  readonly token: Uint8Array;
  /** Size of the log that has to authorise the gateway: of the commit, or the newest for GetRoomKey. */
  readonly at: number;
  /** The relay's clock. Members have none for this: without it the grant's minute is not checked. */
  readonly nowMs?: EpochMs | undefined;
}

/**
 * Throws unless a gateway in force signed this grant. Whom and what it names is for the caller to
 * hold against the caller of GetRoomKey, or for verifyHandshake against the commit.
 */
export function verifyGrant(
  state: OrgState,
  { token, at, nowMs }: GrantQuery,
): Verified<GrantView> {
  const { fields, gateway } = verifyGatewayToken(state, {
    type: "grant",
    token,
    at,
    parse: (payload) => parseMessage("cloister.rooms.v1.Grant", payload),
  });
  const issuedMs = parseEpochMs(fields.issuedMs);
  const expiresMs = parseEpochMs(fields.expiresMs);
  if (nowMs !== undefined) {
    checkLifetime({ issuedMs, expiresMs, maxMs: MAX_GRANT_MS }, nowMs);
  }
  return markVerified({
    room: roomIdFromBytes(fields.roomId),
    account: accountIdFromBytes(fields.accountId),
    device: deviceIdFromBytes(fields.deviceId),
    leafKey: publicKeyFromBytes("leaf", fields.leafKey),
    epoch: fields.epoch,
    policyHash: fields.policyHash,
    logSize: parseCount(fields.logSize),
    issuedMs,
    expiresMs,
    gateway,
  });
}
