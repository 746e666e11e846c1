import { sha256, uint64Bytes } from "@cloister/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChainVerdict, followChain, type SenderChain, zeroHash } from "./chain.ts";

const hashOf = (counter: number, branch = 0): Uint8Array =>
  sha256(uint64Bytes(counter * 1000 + branch));

const link = (counter: number, branch = 0): Parameters<typeof followChain>[1] => ({
  counter: BigInt(counter),
  previousHash: counter === 1 ? zeroHash : hashOf(counter - 1),
  hash: hashOf(counter, branch),
});

function follow(counters: readonly number[]): { chain: SenderChain | undefined; kinds: string[] } {
  let chain: SenderChain | undefined;
  const kinds: ChainVerdict["kind"][] = [];
  for (const counter of counters) {
    const step = followChain(chain, link(counter));
    chain = step.chain;
    kinds.push(step.verdict.kind);
  }
  return { chain, kinds };
}

describe("a sender's chain (rule 12)", () => {
  it.each([
    ["in order", [1, 2, 3], ["next", "next", "next"]],
    ["joined in the middle", [7, 8], ["next", "next"]],
    ["twice", [1, 2, 2], ["next", "next", "repeated"]],
    [
      "a whole window twice",
      [1, 2, 3, 1, 2, 3],
      ["next", "next", "next", "repeated", "repeated", "repeated"],
    ],
    ["a gap", [1, 4], ["next", "gap"]],
    ["a gap that closes", [1, 4, 2, 3, 5], ["next", "gap", "gap-closed", "gap-closed", "next"]],
  ])("%s", (_name, counters, kinds) => {
    expect(follow(counters).kinds).toEqual(kinds);
  });

  it("names the missing counters", () => {
    const { chain } = follow([1]);
    expect(followChain(chain, link(5)).verdict).toEqual({ kind: "gap", from: 2n, to: 4n });
  });

  it("calls another batch of the same counter a fork, and a wrong hash of the one before", () => {
    const { chain } = follow([1, 2, 3]);
    expect(followChain(chain, link(3, 1)).verdict.kind).toBe("fork");
    expect(followChain(chain, { ...link(4), previousHash: hashOf(3, 1) }).verdict.kind).toBe(
      "fork",
    );
    const gap = followChain(chain, link(6)).chain;
    expect(followChain(gap, link(5, 1)).verdict.kind).toBe("fork");
  });

  it("shows each batch exactly once in whatever order and however often it comes", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 20 }),
        (order, repeats) => {
          const { kinds, chain } = follow([1, ...order.filter((n) => n !== 1), ...repeats]);
          const shown = kinds.filter((kind) => kind !== "repeated");
          expect(shown).toHaveLength(8);
          expect(kinds).not.toContain("fork");
          expect(chain?.missing).toEqual([]);
        },
      ),
    );
  });
});
