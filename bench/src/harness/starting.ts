import type { BenchContext } from "../bench.ts";
import { type Comparison, type Contender, compare } from "./pair.ts";
import { SideProcess } from "./side-process.ts";

/** Module of a side, by its name. */
export function sideModule(name: string): URL {
  return new URL(`../sides/${name}.side.ts`, import.meta.url);
}

export interface SideStart<Setup> {
  readonly name: string;
  readonly setup: Setup;
  /** Where it was built to; else it runs from the sources. */
  readonly module?: URL;
}

/** Starts a side that ends with `closing`. */
export async function startSide<Setup>(
  closing: AsyncDisposableStack,
  { name, setup, module }: SideStart<Setup>,
): Promise<SideProcess> {
  const from = module ?? sideModule(name);
  return closing.use(await SideProcess.start({ name, module: from, setup }));
}

export interface CompareSides {
  readonly sides: readonly Contender[];
  /** Of the rates in the progress: "messages", "MiB". */
  readonly unit: string;
  /** Amounts are divided by it before they are shown. */
  readonly perUnit?: number;
}

/** Compares, telling each run. */
export async function compareSides(
  { scale, progress }: BenchContext,
  { sides, unit, perUnit = 1 }: CompareSides,
): Promise<Comparison> {
  const comparison = await compare(sides, {
    rounds: scale.rounds,
    onRun: ({ name, round, rate }) => {
      progress(`round ${round + 1}: ${name} ${Math.round(rate / perUnit)} ${unit}/s`);
    },
  });
  for (const { name } of sides) {
    const [rate, off] = [comparison.rate(name) / perUnit, comparison.spread(name) * 100];
    progress(`median: ${name} ${Math.round(rate)} ${unit}/s, spread ${off.toFixed(0)} %`);
  }
  return comparison;
}
