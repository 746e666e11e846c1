import { equalBytes } from "@cloister/base";
import { MAX_MISSING_COUNTERS } from "../limits.ts";

/** What is known of one device's batches in one room (rule 12). */
export interface SenderChain {
  /** Highest counter seen. 0 before the first. */
  readonly counter: bigint;
  /** Hash of the batch with that counter. */
  readonly hash: Uint8Array;
  /** Counters below that have not come, each with the hash that its successor named. */
  readonly missing: readonly MissingBatch[];
  /** The newest ones, so that a batch which comes twice is told from a fork. */
  readonly recent: readonly SeenBatch[];
}

export interface SeenBatch {
  readonly counter: bigint;
  readonly hash: Uint8Array;
}

export interface MissingBatch {
  readonly counter: bigint;
  /** Known only of the one right before a batch that came. */
  readonly hash: Uint8Array | undefined;
}

export interface ChainLink {
  readonly counter: bigint;
  readonly previousHash: Uint8Array;
  readonly hash: Uint8Array;
}

export type ChainVerdict =
  | { readonly kind: "next" }
  /** The very same batch again: shown once. */
  | { readonly kind: "repeated" }
  | { readonly kind: "gap"; readonly from: bigint; readonly to: bigint }
  | { readonly kind: "gap-closed"; readonly counter: bigint }
  | { readonly kind: "fork"; readonly counter: bigint };

/** More than a sender may have in flight, so that a whole window sealed anew is recognised. */
const RECENT_BATCHES = 32;

export const zeroHash = new Uint8Array(32);

export interface ChainStep {
  readonly chain: SenderChain;
  readonly verdict: ChainVerdict;
}

/**
 * Holds a batch against what its device said before. A device that was not followed from its first
 * batch on (this member joined later) starts wherever it is met.
 */
export function followChain(chain: SenderChain | undefined, link: ChainLink): ChainStep {
  const head = { counter: link.counter, hash: link.hash };
  if (chain === undefined) {
    return {
      chain: remember({ ...head, missing: [], recent: [] }, link),
      verdict: { kind: "next" },
    };
  }
  const seen = chain.recent.find(({ counter }) => counter === link.counter);
  if (seen !== undefined && equalBytes(seen.hash, link.hash)) {
    return { chain, verdict: { kind: "repeated" } };
  }
  const { chain: followed, verdict } = judge(chain, link);
  return { chain: remember(followed, link), verdict };
}

function remember(chain: SenderChain, { counter, hash }: ChainLink): SenderChain {
  return { ...chain, recent: [...chain.recent, { counter, hash }].slice(-RECENT_BATCHES) };
}

function judge(chain: SenderChain, link: ChainLink): ChainStep {
  const head = { counter: link.counter, hash: link.hash };
  if (link.counter === chain.counter + 1n) {
    return equalBytes(link.previousHash, chain.hash)
      ? { chain: { ...chain, ...head }, verdict: { kind: "next" } }
      : { chain: { ...chain, ...head }, verdict: { kind: "fork", counter: link.counter } };
  }
  if (link.counter > chain.counter) return skipAhead(chain, link);
  return fillGap(chain, link);
}

function skipAhead(chain: SenderChain, link: ChainLink): ChainStep {
  const from = chain.counter + 1n;
  const to = link.counter - 1n;
  const missing = [...chain.missing];
  for (let counter = from; counter <= to && missing.length < MAX_MISSING_COUNTERS; counter += 1n) {
    missing.push({ counter, hash: counter === to ? link.previousHash : undefined });
  }
  return {
    chain: { ...chain, counter: link.counter, hash: link.hash, missing },
    verdict: { kind: "gap", from, to },
  };
}

function fillGap(chain: SenderChain, link: ChainLink): ChainStep {
  const fork: ChainStep = { chain, verdict: { kind: "fork", counter: link.counter } };
  const wanted = chain.missing.find(({ counter }) => counter === link.counter);
  if (wanted === undefined) return fork;
  if (wanted.hash !== undefined && !equalBytes(wanted.hash, link.hash)) return fork;
  const missing = chain.missing.filter(({ counter }) => counter !== link.counter);
  return { chain: { ...chain, missing }, verdict: { kind: "gap-closed", counter: link.counter } };
}
