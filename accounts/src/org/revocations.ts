import type { AccountId } from "@cloister/base";
import type { LevelPolicy, OrgState, RoleName } from "@cloister/rules";
import { allUsers, MAX_USER_JWT_SECONDS, type RevocationList } from "@cloister/server-kit";
import { MAX_ACCOUNT_REVOCATIONS, REVOCATION_MARGIN_SECONDS } from "../limits.ts";

/**
 * Which user tokens count no more, as the log says it: those of revoked devices, and those of every
 * device whose account lost a role or was denied by a policy, issued before the loss. The device
 * connects again with a token that names what is left.
 *
 * Only losses of the last hour are listed, for no token lives longer. The margin covers a gateway
 * that had not read the loss yet, and clocks that differ by less.
 */
export function revocationsOf(state: OrgState, nowSeconds: number): RevocationList {
  const oldestMs = (nowSeconds - MAX_USER_JWT_SECONDS - REVOCATION_MARGIN_SECONDS) * 1000;
  const first = firstSince(state, oldestMs);
  const losses = accountLosses(state, first);
  const revoked = new Map<string, number>();
  for (const fact of state.devices.values()) {
    const lost = losses.get(fact.certificate.account);
    const positions = [
      fact.revokedAt,
      lost !== undefined && lost > fact.certifiedAt ? lost : undefined,
    ];
    for (const position of positions) {
      if (position === undefined || position < first) continue;
      const known = revoked.get(fact.certificate.nkey) ?? 0;
      revoked.set(fact.certificate.nkey, Math.max(known, secondsAt(state, position)));
    }
  }
  return bounded(revoked);
}

/** Too many for one token: then every device connects again. */
function bounded(revoked: ReadonlyMap<string, number>): RevocationList {
  if (revoked.size <= MAX_ACCOUNT_REVOCATIONS) return Object.fromEntries(revoked);
  return { [allUsers]: Math.max(...revoked.values()) };
}

function secondsAt(state: OrgState, position: number): number {
  const timeMs = state.entries[position]?.timeMs ?? 0;
  return Math.floor(timeMs / 1000) + REVOCATION_MARGIN_SECONDS;
}

/** The first position whose entry is not older; log time never decreases. */
function firstSince(state: OrgState, oldestMs: number): number {
  let first = state.entries.length;
  while (first > 0 && (state.entries[first - 1]?.timeMs ?? 0) >= oldestMs) first -= 1;
  return first;
}

/** The newest loss of each account at or after `first`. */
function accountLosses(state: OrgState, first: number): ReadonlyMap<AccountId, number> {
  const losses = new Map<AccountId, number>();
  const note = (account: AccountId, position: number) => {
    losses.set(account, Math.max(losses.get(account) ?? 0, position));
  };
  for (const accounts of state.roles.values()) {
    for (const [account, history] of accounts) {
      for (const { position, before, after } of changesSince(history, first)) {
        if (rank(after) < rank(before)) note(account, position);
      }
    }
  }
  for (const history of state.policies.values()) {
    for (const { position, before, after } of changesSince(history, first)) {
      for (const account of newlyDenied(before?.policy, after.policy)) note(account, position);
    }
  }
  return losses;
}

interface ChangeStep<T> {
  readonly position: number;
  readonly before: T | undefined;
  readonly after: T;
}

function changesSince<T>(
  history: readonly { readonly position: number; readonly value: T }[],
  first: number,
): ChangeStep<T>[] {
  const steps: ChangeStep<T>[] = [];
  for (let index = history.length - 1; index >= 0; index -= 1) {
    const change = history[index];
    if (change === undefined || change.position < first) break;
    const { position, value: after } = change;
    steps.push({ position, before: history[index - 1]?.value, after });
  }
  return steps;
}

function rank(role: RoleName | undefined): number {
  if (role === undefined) return 0;
  return role === "owner" ? 2 : 1;
}

function newlyDenied(before: LevelPolicy | undefined, after: LevelPolicy): AccountId[] {
  const known = new Set(before?.deniedAccounts);
  return after.deniedAccounts.filter((account) => !known.has(account));
}
