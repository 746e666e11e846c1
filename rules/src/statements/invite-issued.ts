import {
  inviteIdFromBytes,
  parseEpochMs,
  publicKeyBytes,
  publicKeyFromBytes,
} from "@cloister/base";
import type { statementsV1 } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import type { InviteFact, InviteGrant } from "../state/facts.ts";
import { roleName } from "../state/names.ts";
import { parseScope, scopeKey } from "../state/scope.ts";
import { checkFreshKeys, usedKey } from "./certificate.ts";
import {
  type BodyOf,
  type Judgement,
  requireOwnerOver,
  type StatementContext,
  signingDevice,
} from "./judgement.ts";

export function judgeInviteIssued(
  context: StatementContext,
  body: BodyOf<"inviteIssued">,
): Judgement {
  const signer = signingDevice(context);
  const { state, position } = context;
  const invite: InviteFact = {
    invite: inviteIdFromBytes(body.inviteId),
    inviteKey: publicKeyFromBytes("invitation", body.inviteKey),
    grants: body.grants.map(parseGrant),
    expiresMs: parseEpochMs(body.expiresMs),
    issuedAt: position,
    issuer: signer.certificate.account,
    issuerDevice: signer.certificate.device,
    acceptedAt: undefined,
  };
  return {
    signers: [[signer.certificate.statementKey]],
    version: inviteVersion(state.invites.get(invite.invite)),
    onlyVersion: 0,
    check: () => {
      for (const { scope } of invite.grants) requireOwnerOver(context, signer, scope);
      checkInvite(context, invite);
      return (facts) => {
        facts.invites.set(invite.invite, invite);
        facts.usedKeys.add(usedKey(publicKeyBytes(invite.inviteKey)));
      };
    },
  };
}

/** 0 before it is issued, 1 while it waits, 2 once it was accepted. */
export function inviteVersion(invite: Readonly<InviteFact> | undefined): number {
  if (invite === undefined) return 0;
  return invite.acceptedAt === undefined ? 1 : 2;
}

function parseGrant(grant: statementsV1.InviteIssued_Grant): InviteGrant {
  const role = roleName(grant.role);
  if (role === undefined) throw malformed("an invitation grants a role");
  return { scope: parseScope(grant.scope), role };
}

function checkInvite({ state, timeMs }: StatementContext, invite: InviteFact): void {
  const scopes = invite.grants.map(({ scope }) => scopeKey(scope));
  if (new Set(scopes).size !== scopes.length) throw malformed("an invitation names a level once");
  // A role below counts only with one in the org.
  if (!scopes.includes("org")) throw malformed("an invitation grants a role in the org");
  if (invite.expiresMs <= timeMs) throw malformed("the invitation has expired in log time");
  if (!state.invites.has(invite.invite)) checkFreshKeys(state, [publicKeyBytes(invite.inviteKey)]);
}

function malformed(message: string): Error {
  return rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT(message);
}
