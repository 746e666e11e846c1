import { type AccountId, accountIdFromBytes } from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import { removeFromOrg, setRole } from "../state/effects.ts";
import { versionAt } from "../state/history.ts";
import { type RoleName, roleName } from "../state/names.ts";
import { membersOf, roleOf } from "../state/roles.ts";
import { orgScope, parseScope, type Scope, scopeKey } from "../state/scope.ts";
import {
  type BodyOf,
  type Effect,
  type Judgement,
  requireOwnerOver,
  type StatementContext,
  signingDevice,
} from "./judgement.ts";

interface RoleChange {
  readonly account: AccountId;
  readonly scope: Scope;
  readonly role: RoleName | undefined;
}

export function judgeRoleSet(context: StatementContext, body: BodyOf<"roleSet">): Judgement {
  const change: RoleChange = {
    account: accountIdFromBytes(body.accountId),
    scope: parseScope(body.scope),
    role: roleName(body.role),
  };
  const signer = signingDevice(context);
  const { state, position } = context;
  const history = state.roles.get(scopeKey(change.scope))?.get(change.account);
  return {
    signers: [[signer.certificate.statementKey]],
    version: versionAt(history, position),
    check: () => {
      requireOwnerOver(context, signer, change.scope);
      checkAccount(context, change);
      checkLastOwner(context, change);
      return effectOf(change, position);
    },
  };
}

function checkAccount(
  { state, position: at }: StatementContext,
  { account, scope, role }: RoleChange,
): void {
  if (!state.accounts.has(account)) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT("the log knows no such account");
  }
  if (scope.kind === "org" || role === undefined) return;
  if (roleOf(state, { account, scope: orgScope, at }) === undefined) {
    throw rulesErrors.ERR_POLICY_ROLE_WITHOUT_ORG("the account has no role in the org");
  }
}

/** An org without an owner could change nothing any more, except by its recovery keys. */
function checkLastOwner(
  { state, position: at }: StatementContext,
  { account, scope, role }: RoleChange,
): void {
  if (scope.kind !== "org" || role === "owner") return;
  const isOtherOwner = membersOf(state, { scope, at }).some(
    (member) => member.role === "owner" && member.account !== account,
  );
  if (!isOtherOwner) throw rulesErrors.ERR_POLICY_LAST_OWNER("the last owner of the org stays");
}

function effectOf(change: RoleChange, position: number): Effect {
  const { account, scope, role } = change;
  if (scope.kind !== "org" || role !== undefined)
    return (facts) => setRole(facts, change, position);
  return (facts) => {
    // A role that was none already is stated once more: its version has to move all the same.
    if (facts.roles.get("org")?.get(account)?.at(-1)?.value === undefined) {
      setRole(facts, change, position);
    } else {
      removeFromOrg(facts, account, position);
    }
  };
}
