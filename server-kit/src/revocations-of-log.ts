import type { AccountId } from "@cloister/base";
import type { LevelPolicy, OrgState, RoleName } from "@cloister/rules";
import { MAX_USER_JWT_SECONDS } from "./limits.ts";
import type { RevocationList } from "./nats-jwt/claims.ts";
import type { Nkey } from "./nats-jwt/nkey-codec.ts";
import { allUsers } from "./nats-jwt/revocations.ts";

/** Revocations in one account token, which must fit into one message; more become "everybody". */
export const MAX_ACCOUNT_REVOCATIONS = 2_000;

/** Tokens issued up to this long after a loss are refused as well: see {@link revocationsOf}. */
export const REVOCATION_MARGIN_SECONDS = 2;

/** The part of an org's state that tells who lost what. */
export type LossFacts = Pick<OrgState, "entries" | "roles" | "policies" | "devices">;

/**
 * Which user tokens count no more, as the log says it: those of revoked devices, and those of every
 * device whose account lost a role or was denied by a policy, issued before the loss. The device
 * connects again with a token that names what is left.
 *
 * Only losses of the last hour are listed, for no token lives longer. The margin covers a gateway
 * that had not read the loss yet, and clocks that differ by less.
 */
export function revocationsOf(state: LossFacts, nowSeconds: number): RevocationList {
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

/**
 * For gateways: the time of issue that a user's next token needs, so that servers which refuse its
 * older ones take it. Only who has read the losses can tell, so an old decision gets no token.
 */
export function issueSecondsFor(
  state: LossFacts,
  input: { readonly user: Nkey<"user">; readonly nowSeconds: number },
): number {
  const revoked = revocationsOf(state, input.nowSeconds);
  const atSeconds = Math.max(revoked[input.user] ?? 0, revoked[allUsers] ?? 0);
  return Math.max(input.nowSeconds, atSeconds + 1);
}

/** Too many for one token: then every device connects again. */
function bounded(revoked: ReadonlyMap<string, number>): RevocationList {
  if (revoked.size <= MAX_ACCOUNT_REVOCATIONS) return Object.fromEntries(revoked);
  return { [allUsers]: Math.max(...revoked.values()) };
}

function secondsAt(state: LossFacts, position: number): number {
  const timeMs = state.entries[position]?.timeMs ?? 0;
  return Math.floor(timeMs / 1000) + REVOCATION_MARGIN_SECONDS;
}

/** The first position whose entry is not older; log time never decreases. */
function firstSince(state: LossFacts, oldestMs: number): number {
  let first = state.entries.length;
  while (first > 0 && (state.entries[first - 1]?.timeMs ?? 0) >= oldestMs) first -= 1;
  return first;
}

/** The newest loss of each account at or after `first`. */
function accountLosses(state: LossFacts, first: number): ReadonlyMap<AccountId, number> {
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
