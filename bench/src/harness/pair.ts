import { median, spread } from "./statistics.ts";

/** One of the sides that are compared: it does the same job its own way. */
export interface Contender {
  readonly name: string;
  /** What is not measured: filling what the run empties. */
  prepare?(): Promise<void>;
  /** The job, measured where it runs. */
  run(): Promise<Run>;
}

export interface Run {
  /** In the units of the job: messages, bytes, tokens. */
  readonly amount: number;
  readonly seconds: number;
}

export interface Comparison {
  /** Median of amount a second. */
  rate(name: string): number;
  /** Median, over the rounds, of `ours` against `peer` in the same round. */
  ratio(ours: string, peer: string): number;
  /** Distance of the extremes as a share of the median. */
  spread(name: string): number;
}

export interface CompareOptions {
  readonly rounds: number;
  readonly onRun?: ((run: { name: string; round: number; rate: number }) => void) | undefined;
}

/**
 * Runs every contender once a round, one at a time. The order turns with each round, so that none
 * always comes after the same other: caches, clocks and neighbours change slowly.
 */
export async function compare(
  contenders: readonly Contender[],
  options: CompareOptions,
): Promise<Comparison> {
  const rates = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const contender of turned(contenders, round)) {
      await contender.prepare?.();
      const { amount, seconds } = await contender.run();
      const rate = amount / seconds;
      rates.get(contender.name)?.push(rate);
      options.onRun?.({ name: contender.name, round, rate });
    }
  }
  return comparisonOf(rates);
}

export function turned<T>(items: readonly T[], by: number): T[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

function comparisonOf(rates: ReadonlyMap<string, readonly number[]>): Comparison {
  const of = (name: string): readonly number[] => {
    const found = rates.get(name);
    if (found === undefined) throw new Error(`${name} did not run`);
    return found;
  };
  return {
    rate: (name) => median(of(name)),
    ratio: (ours, peer) => {
      const peerRates = of(peer);
      return median(of(ours).map((rate, round) => rate / (peerRates[round] ?? Number.NaN)));
    },
    spread: (name) => spread(of(name)),
  };
}
