import type { AccountId } from "@cloister/base";
import type { LevelPolicy, OrgState, RoleName } from "@cloister/rules";
import { REVOCATION_MARGIN_SECONDS } from "../limits.ts";

/**
 * The first second in which a NATS token for this account may be issued. When an account loses a
 * role or is denied, accounts revokes what its devices hold, and whatever is issued within a margin
 * after the loss: a token for the rooms that are left must come later, or the servers refuse it.
 */
export function firstIssueSecond(
  state: OrgState,
  query: { readonly account: AccountId; readonly nowMs: number },
): number {
  const sinceMs = query.nowMs - (REVOCATION_MARGIN_SECONDS + 1) * 1_000;
  const newest = state.entries.at(-1)?.timeMs ?? 0;
  // All but always the log is older than that, and there is nothing to look for.
  if (newest < sinceMs) return 0;
  const losses = [...lostRoles(state, query.account), ...newDenials(state, query.account)];
  const times = losses.map((position) => state.entries[position]?.timeMs ?? 0);
  const lastMs = Math.max(0, ...times.filter((timeMs) => timeMs >= sinceMs));
  return lastMs === 0 ? 0 : Math.floor(lastMs / 1_000) + REVOCATION_MARGIN_SECONDS + 1;
}

interface Step<Value> {
  readonly position: number;
  readonly value: Value;
}

function lostRoles(state: OrgState, account: AccountId): number[] {
  const scopes = [...(state.scopesByAccount.get(account)?.keys() ?? [])];
  return scopes.flatMap((scope) =>
    positionsWhere(state.roles.get(scope)?.get(account) ?? [], (before, after) => {
      return rank(after) < rank(before);
    }),
  );
}

function newDenials(state: OrgState, account: AccountId): number[] {
  const isDenied = (policy: LevelPolicy | undefined) =>
    policy?.deniedAccounts.includes(account) === true;
  return [...state.policies.values()].flatMap((history) =>
    positionsWhere(history, (before, after) => {
      return isDenied(after.policy) && !isDenied(before?.policy);
    }),
  );
}

function positionsWhere<Value>(
  history: readonly Step<Value>[],
  isLoss: (before: Value | undefined, after: Value) => boolean,
): number[] {
  return history
    .filter(({ value }, index) => isLoss(history[index - 1]?.value, value))
    .map(({ position }) => position);
}

function rank(role: RoleName | undefined): number {
  if (role === undefined) return 0;
  return role === "owner" ? 2 : 1;
}
