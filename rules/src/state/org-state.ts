import type { EpochMs, LogKey, OrgId } from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import type { OrgFacts } from "./facts.ts";

type ReadonlyFact<T> =
  T extends Map<infer Key, infer Value>
    ? ReadonlyMap<Key, ReadonlyFact<Value>>
    : T extends Set<infer Item>
      ? ReadonlySet<Item>
      : T extends (infer Item)[]
        ? readonly ReadonlyFact<Item>[]
        : T;

/**
 * What the entries of a log amount to, with the history of every fact. Queries (queries.ts) take the
 * size `at` of the log that they ask about: the entries [0, at). It only grows, so what was asked of
 * one size never changes.
 */
export type OrgState = { readonly [Name in keyof OrgFacts]: ReadonlyFact<OrgFacts[Name]> };

export function orgOf(state: OrgState): OrgId {
  return state.genesis.org;
}

export function logKeyOf(state: OrgState): LogKey {
  return state.genesis.logKey;
}

/** How many entries the state has replayed: the largest `at`. */
export function logSize(state: OrgState): number {
  return state.entries.length;
}

/** Log time of the last entry of a log of this size. */
export function logTimeAt(state: OrgState, at: number): EpochMs {
  return entryBelow(state, at).timeMs;
}

/** RFC 6962 root of the log of this size. */
export function logRootAt(state: OrgState, at: number): Uint8Array {
  return entryBelow(state, at).root;
}

function entryBelow(state: OrgState, at: number): OrgState["entries"][number] {
  const entry = Number.isSafeInteger(at) ? state.entries[at - 1] : undefined;
  if (entry === undefined) {
    throw rulesErrors.ERR_RULES_LOG_SIZE(`the log known here has no size ${at}`, {
      details: { at, known: state.entries.length },
    });
  }
  return entry;
}
