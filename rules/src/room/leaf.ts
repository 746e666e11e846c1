import {
  type AccountId,
  accountIdFromBytes,
  type DeviceId,
  deviceIdFromBytes,
  type EpochMs,
  equalBytes,
  idBytes,
  type OrgId,
  orgIdFromBytes,
  publicKeyBytes,
  type RoomId,
} from "@cloister/base";
import { parseMessage, roomsV1 } from "@cloister/proto";
import { type DeviceStatus, deviceAt } from "../state/devices.ts";
import { type OrgState, orgOf } from "../state/org-state.ts";
import { isMember } from "../state/roles.ts";
import type { LeafFacts } from "./commit-facts.ts";

const maxCredentialBytes = 256;

/** Who a leaf says it is. */
export interface LeafIdentity {
  readonly org: OrgId;
  readonly account: AccountId;
  readonly device: DeviceId;
}

export function parseLeafCredential(bytes: Uint8Array): LeafIdentity {
  const leaf = parseMessage("cloister.rooms.v1.LeafCredential", bytes, maxCredentialBytes);
  return {
    org: orgIdFromBytes(leaf.orgId),
    account: accountIdFromBytes(leaf.accountId),
    device: deviceIdFromBytes(leaf.deviceId),
  };
}

export function encodeLeafCredential(leaf: LeafIdentity): Uint8Array {
  return roomsV1.LeafCredential.encode({
    orgId: idBytes(leaf.org),
    accountId: idBytes(leaf.account),
    deviceId: idBytes(leaf.device),
  }).finish();
}

export type Unentitled =
  | "malformed"
  | "other-org"
  | "unknown-device"
  | "other-account"
  | "other-key"
  | "no-room-role"
  | Exclude<DeviceStatus, "live">;

export type Entitlement =
  | { readonly entitled: true; readonly identity: LeafIdentity }
  | {
      readonly entitled: false;
      readonly reason: Unentitled;
      readonly identity: LeafIdentity | undefined;
    };

export interface LeafQuery {
  readonly room: RoomId;
  readonly leaf: LeafFacts;
  readonly at: number;
  /** Log time to expire by: the commit's checkpoint. Default: of the log at this size. */
  readonly timeMs?: EpochMs | undefined;
}

/** A leaf is entitled by a live certificate that names its key and by its account's role in the room. */
export function entitlement(state: OrgState, query: LeafQuery): Entitlement {
  const { room, leaf, at, timeMs } = query;
  const identity = leafIdentity(leaf);
  const refuse = (reason: Unentitled): Entitlement => ({ entitled: false, reason, identity });
  if (identity === undefined) return refuse("malformed");
  if (identity.org !== orgOf(state)) return refuse("other-org");
  const device = deviceAt(state, { device: identity.device, at, timeMs });
  if (device === undefined) return refuse("unknown-device");
  const { certificate, status } = device;
  if (certificate.account !== identity.account) return refuse("other-account");
  if (!equalBytes(publicKeyBytes(certificate.leafKey), leaf.signatureKey))
    return refuse("other-key");
  if (status !== "live") return refuse(status);
  if (!isMember(state, { account: identity.account, room, at })) return refuse("no-room-role");
  return { entitled: true, identity };
}

/** The leaves that the next member's commit has to remove, at this size of the log. */
export function unentitledLeaves<Leaf extends LeafFacts>(
  state: OrgState,
  { leaves, ...query }: Omit<LeafQuery, "leaf"> & { readonly leaves: readonly Leaf[] },
): Leaf[] {
  return leaves.filter((leaf) => !entitlement(state, { ...query, leaf }).entitled);
}

/** Undefined if the credential is none of ours. */
export function leafIdentity(leaf: LeafFacts): LeafIdentity | undefined {
  try {
    return parseLeafCredential(leaf.credential);
  } catch {
    return undefined;
  }
}
