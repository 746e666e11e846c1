import type { EpochMs, InviteId } from "@cloister/base";
import type { InviteFact } from "./facts.ts";
import { logTimeAt, type OrgState } from "./org-state.ts";
import { isOwnerOver } from "./roles.ts";

/** Only an open invitation is accepted, or answered at all. */
export type InviteStatus = "open" | "used" | "expired" | "closed";

export interface InviteView extends Readonly<InviteFact> {
  readonly status: InviteStatus;
}

export interface InviteQuery {
  readonly invite: InviteId;
  readonly at: number;
  /** The log time to expire by. Default: of the log at this size. */
  readonly timeMs?: EpochMs | undefined;
}

/** The invitation as a log of this size knows it; undefined if it was issued later or never. */
export function inviteAt(state: OrgState, query: InviteQuery): InviteView | undefined {
  const fact = state.invites.get(query.invite);
  if (fact === undefined || fact.issuedAt >= query.at) return undefined;
  const isUsed = fact.acceptedAt !== undefined && fact.acceptedAt < query.at;
  const acceptedAt = isUsed ? fact.acceptedAt : undefined;
  return { ...fact, acceptedAt, status: isUsed ? "used" : statusAt(state, fact, query) };
}

/** Of an invitation that nobody has accepted yet. */
function statusAt(state: OrgState, fact: InviteFact, { at, timeMs }: InviteQuery): InviteStatus {
  if (fact.expiresMs <= (timeMs ?? logTimeAt(state, at))) return "expired";
  const { issuer, issuerDevice, grants } = fact;
  const isStillOwner = grants.every(({ scope }) =>
    isOwnerOver(state, { account: issuer, scope, at }),
  );
  // What a thief issued with a stolen device must not outlive its revocation.
  const revokedAt = state.devices.get(issuerDevice)?.revokedAt;
  const isDeviceRevoked = revokedAt !== undefined && revokedAt < at;
  return isStillOwner && !isDeviceRevoked ? "open" : "closed";
}
