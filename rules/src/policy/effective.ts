import type { AccountId, RoomId } from "@cloister/base";
import type { FactorRequirement, PolicyFact } from "../state/facts.ts";
import { valueAt } from "../state/history.ts";
import type { FactorName } from "../state/names.ts";
import type { OrgState } from "../state/org-state.ts";
import { roleOf, scopeAndAbove } from "../state/roles.ts";
import { roomScope, type Scope, scopeKey } from "../state/scope.ts";

/** The policy that one level sets in a log of this size; undefined: it demands nothing. */
export function policyAt(
  state: OrgState,
  { scope, at }: { readonly scope: Scope; readonly at: number },
): PolicyFact | undefined {
  return valueAt(state.policies.get(scopeKey(scope)), at);
}

/** The levels of a room, org first, with what each demands. */
export function policyLevels(
  state: OrgState,
  { room, at }: { readonly room: RoomId; readonly at: number },
): { readonly scope: Scope; readonly fact: PolicyFact | undefined }[] {
  return scopeAndAbove(state, roomScope(room), at)
    .map((scope) => ({ scope, fact: policyAt(state, { scope, at }) }))
    .reverse();
}

/** What a room's levels demand together. */
export interface EffectivePolicy {
  /** One a factor, with the shortest age that a level wants. */
  readonly factors: readonly FactorRequirement[];
  readonly deniedAccounts: readonly AccountId[];
  readonly sessionMaxAgeSeconds: number | undefined;
  readonly deviceMinAgeSeconds: number | undefined;
}

export interface EffectivePolicyQuery {
  readonly room: RoomId;
  readonly at: number;
  /** Whose exemptions count; without one nobody is exempt. */
  readonly account?: AccountId | undefined;
}

/** Levels add up: every factor, the shortest ages of session and factor, the longest of the device, every denial. */
export function effectivePolicy(state: OrgState, query: EffectivePolicyQuery): EffectivePolicy {
  const levels = policyLevels(state, query).flatMap(({ scope, fact }) =>
    fact === undefined
      ? []
      : [{ policy: fact.policy, isWaived: isExempt(state, { ...query, scope }) }],
  );
  const policies = levels.map(({ policy }) => policy);
  const wanted = levels.flatMap(({ policy, isWaived }) => (isWaived ? [] : policy.factors));
  return {
    factors: strictestFactors(wanted),
    deniedAccounts: [...new Set(policies.flatMap(({ deniedAccounts }) => deniedAccounts))],
    sessionMaxAgeSeconds: smallest(policies.map((policy) => policy.sessionMaxAgeSeconds)),
    deviceMinAgeSeconds: policies
      .map((policy) => policy.deviceMinAgeSeconds)
      .reduce((left, right) => ((right ?? 0) > (left ?? 0) ? right : left), undefined),
  };
}

/**
 * A level waives its factors for the roles that it names, held at that very level: an owner above or
 * below is not the role named.
 */
export function isExempt(
  state: OrgState,
  query: { readonly account?: AccountId | undefined; readonly scope: Scope; readonly at: number },
): boolean {
  const { account, scope, at } = query;
  if (account === undefined) return false;
  const role = roleOf(state, { account, scope, at });
  const exempt = policyAt(state, { scope, at })?.policy.exemptRoles ?? [];
  return role !== undefined && exempt.includes(role);
}

function strictestFactors(wanted: readonly FactorRequirement[]): FactorRequirement[] {
  const ages = new Map<FactorName, number | undefined>();
  for (const { factor, maxAgeSeconds } of wanted) {
    ages.set(factor, smallest([ages.get(factor), maxAgeSeconds]));
  }
  return [...ages].map(([factor, maxAgeSeconds]) => ({ factor, maxAgeSeconds }));
}

function smallest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
