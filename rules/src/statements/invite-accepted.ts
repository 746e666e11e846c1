import { inviteIdFromBytes, publicKeyFromBytes } from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import { certifyDevice, setAccountKey, setRole } from "../state/effects.ts";
import type { OwnerFact } from "../state/facts.ts";
import { type InviteView, inviteAt } from "../state/invites.ts";
import { certificateKeys, checkFreshKeys, checkNotExpired, parseOwner } from "./certificate.ts";
import { inviteVersion } from "./invite-issued.ts";
import {
  type BodyOf,
  type Effect,
  type Judgement,
  requireNoDevice,
  type StatementContext,
} from "./judgement.ts";

export function judgeInviteAccepted(
  context: StatementContext,
  body: BodyOf<"inviteAccepted">,
): Judgement {
  requireNoDevice(context);
  const { state, position, timeMs } = context;
  const id = inviteIdFromBytes(body.inviteId);
  const invite = inviteAt(state, { invite: id, at: position, timeMs });
  if (invite === undefined) throw rulesErrors.ERR_POLICY_INVITE_UNKNOWN("no such invitation");
  const invitee = parseOwner(body);
  return {
    signers: [[invite.inviteKey], [publicKeyFromBytes("account", body.accountKey)]],
    version: inviteVersion(state.invites.get(id)),
    onlyVersion: 1,
    check: () => {
      checkOpen(invite);
      checkInvitee(context, invitee);
      checkFreshKeys(state, [body.accountKey, ...certificateKeys(body.device)]);
      return effectOf(context, invite, invitee);
    },
  };
}

function checkOpen({ status }: InviteView): void {
  switch (status) {
    case "open":
      return;
    case "used":
      throw rulesErrors.ERR_POLICY_INVITE_USED("the invitation was accepted before");
    case "expired":
      throw rulesErrors.ERR_POLICY_INVITE_EXPIRED("the invitation has expired in log time");
    case "closed":
      throw rulesErrors.ERR_POLICY_INVITE_CLOSED(
        "its issuer may no longer grant this, or the device that issued it was revoked",
      );
    default:
      throw status satisfies never;
  }
}

function checkInvitee({ state, timeMs }: StatementContext, invitee: OwnerFact): void {
  if (state.accounts.has(invitee.account) || state.devices.has(invitee.device.device)) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT(
      "an invitation registers a new account and device",
    );
  }
  checkNotExpired(invitee.device, timeMs);
}

function effectOf(
  context: StatementContext,
  { invite: id, grants }: InviteView,
  invitee: OwnerFact,
): Effect {
  const { position, timeMs } = context;
  const { account, accountKey, device } = invitee;
  return (facts) => {
    const invite = facts.invites.get(id);
    if (invite !== undefined) invite.acceptedAt = position;
    setAccountKey(facts, account, { position, value: accountKey });
    certifyDevice(facts, device, { position, timeMs });
    for (const { scope, role } of grants) setRole(facts, { account, scope, role }, position);
  };
}
