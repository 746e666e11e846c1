import { describe, expect, test } from "vitest";
import { type Contender, compare, turned } from "./pair.ts";

/** Runs in the times given, one after the other; writes down what it was asked. */
function scripted(name: string, seconds: readonly number[], calls: string[] = []): Contender {
  const left = [...seconds];
  return {
    name,
    prepare: async () => void calls.push(`prepare ${name}`),
    run: async () => {
      calls.push(`run ${name}`);
      return { amount: 100, seconds: left.shift() ?? Number.NaN };
    },
  };
}

describe("compare", () => {
  test("runs the sides in turn, each prepared before, in an order that turns", async () => {
    const calls: string[] = [];
    await compare([scripted("a", [1, 1], calls), scripted("b", [1, 1], calls)], { rounds: 2 });
    const order = ["a", "b", "b", "a"].flatMap((name) => [`prepare ${name}`, `run ${name}`]);
    expect(calls).toEqual(order);
  });

  test("takes the ratio within each round, so that a slow minute hits both alike", async () => {
    // The machine is ten times slower in the second round; ours is twice as fast in each.
    const ours = scripted("ours", [1, 10, 1]);
    const peer = scripted("peer", [2, 20, 2]);
    const result = await compare([ours, peer], { rounds: 3 });
    expect(result.ratio("ours", "peer")).toBe(2);
    expect(result.rate("ours")).toBe(100);
    expect(result.spread("ours")).toBeCloseTo(0.9);
  });

  test("a ratio above 1 means that ours is the faster", async () => {
    const result = await compare([scripted("ours", [1]), scripted("peer", [4])], { rounds: 1 });
    expect(result.ratio("ours", "peer")).toBe(4);
    expect(result.ratio("peer", "ours")).toBe(0.25);
  });

  test("an unknown side is refused", async () => {
    const result = await compare([scripted("ours", [1])], { rounds: 1 });
    expect(() => result.rate("other")).toThrow("did not run");
  });
});

test("turned", () => {
  const orders = [0, 1, 2, 3].map((by) => turned(["a", "b", "c"], by).join(""));
  expect(orders).toEqual(["abc", "bca", "cab", "abc"]);
  expect(turned([], 3)).toEqual([]);
});
