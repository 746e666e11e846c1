import {
  markVerified,
  orgIdFromBytes,
  publicKeyFromBytes,
  type RelayKey,
  type RoomId,
  roomIdFromBytes,
  type Verified,
} from "@cloister/base";
import { parseMessage } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { parseCount } from "../log/count.ts";
import { type OrgState, orgOf } from "../state/org-state.ts";
import { relayAt } from "../state/services.ts";
import { verifyEnvelope } from "./signed.ts";

const maxFenceBytes = 1024;

/** From here on the room's records are of this epoch. */
export interface FenceView {
  readonly room: RoomId;
  readonly handshakeIndex: number;
  readonly epoch: bigint;
  readonly handshakeHash: Uint8Array;
  readonly relay: RelayKey;
}

/** Throws unless a relay in force at this size signed the fence for this room. */
export function verifyFence(
  state: OrgState,
  query: { readonly fence: Uint8Array; readonly room: RoomId; readonly at: number },
): Verified<FenceView> {
  const signed = parseMessage("cloister.rooms.v1.SignedFence", query.fence, maxFenceBytes);
  const fence = parseMessage("cloister.rooms.v1.Fence", signed.fence, maxFenceBytes);
  if (orgIdFromBytes(fence.orgId) !== orgOf(state)) {
    throw rulesErrors.ERR_VERIFICATION_ORG("a fence of another org");
  }
  const room = roomIdFromBytes(fence.roomId);
  if (room !== query.room) {
    throw rulesErrors.ERR_VERIFICATION_TOKEN_MISMATCH("a fence of another room");
  }
  const relay = publicKeyFromBytes("relay", signed.relayKey);
  if (relayAt(state, { key: relay, at: query.at }) === undefined) {
    throw rulesErrors.ERR_VERIFICATION_RELAY("signed by a relay that the log does not authorise");
  }
  const { signature } = signed;
  verifyEnvelope(state, { type: "fence", payload: signed.fence, signature }, relay);
  return markVerified({
    room,
    handshakeIndex: parseCount(fence.handshakeIndex),
    epoch: fence.epoch,
    handshakeHash: fence.handshakeHash,
    relay,
  });
}
