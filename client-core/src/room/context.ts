import type { AccountId, DeviceId, OrgId, RoomId, Sha256 } from "@cloister/base";
import type { GroupMember } from "@cloister/group-engine/types";
import { roomSubject, type UserNkey } from "@cloister/proto";
import {
  deviceAt,
  isMember,
  type LeafIdentity,
  type OrgState,
  parseLeafCredential,
  type RoomFact,
  roomAt,
  unentitledLeaves,
} from "@cloister/rules";
import { LOG_FRESH_MS } from "../limits.ts";

/** What a room's reducer may look at besides its own state. Nothing in it is changed by looking. */
export interface RoomContext {
  readonly org: OrgId;
  readonly account: AccountId;
  readonly device: DeviceId;
  readonly nkey: UserNkey;
  readonly personName: string;
  readonly log: LogSight;
  readonly nowMs: number;
  readonly isOnline: boolean;
  /** The inbox has brought what the server held: one's own records are all known. */
  readonly isDrained: boolean;
  readonly sha256: Sha256;
}

/** The log as far as this device has verified it. */
export interface LogSight {
  readonly state: OrgState;
  readonly size: number;
  readonly root: Uint8Array;
  /** Encoded Signed "checkpoint" of exactly this size. */
  readonly checkpoint: Uint8Array;
  /** When the server last said that there is no more. */
  readonly checkedMs: number;
}

export function isLogFresh({ log, nowMs }: RoomContext): boolean {
  return nowMs - log.checkedMs <= LOG_FRESH_MS && nowMs >= log.checkedMs;
}

export function roomFact(context: RoomContext, room: RoomId): RoomFact | undefined {
  return roomAt(context.log.state, { room, at: context.log.size });
}

/** The log gives this account a role in the room, and this very device is live. */
export function isAdmitted(context: RoomContext, room: RoomId): boolean {
  const { account, device, log } = context;
  const isLive = deviceAt(log.state, { device, at: log.size })?.status === "live";
  return isLive && isMember(log.state, { account, room, at: log.size });
}

/** Leaves that the log does not entitle (any more): what a commit has to remove (rule 8). */
export function strayLeaves(
  context: RoomContext,
  room: RoomId,
  roster: readonly GroupMember[],
): GroupMember[] {
  const { state, size } = context.log;
  return [...unentitledLeaves(state, { room, at: size, leaves: roster })];
}

/** Whose leaf it says to be; undefined if its credential is none of ours. */
export function leafIdentity(leaf: GroupMember): LeafIdentity | undefined {
  try {
    return parseLeafCredential(leaf.credential);
  } catch {
    return undefined;
  }
}

/** Accounts of the other people who have an entitled leaf. */
export function otherAccounts(
  context: RoomContext,
  room: RoomId,
  roster: readonly GroupMember[],
): AccountId[] {
  const stray = new Set(strayLeaves(context, room, roster).map(({ leafIndex }) => leafIndex));
  const accounts = roster
    .filter(({ leafIndex }) => !stray.has(leafIndex))
    .map((leaf) => leafIdentity(leaf)?.account)
    .filter((account) => account !== undefined)
    .filter((account) => account !== context.account);
  return [...new Set(accounts)];
}

export function ownSubject(context: RoomContext, room: RoomId): string {
  return roomSubject(room, context.nkey);
}
