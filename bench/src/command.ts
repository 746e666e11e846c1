import type { Bench } from "./bench.ts";
import { figureLine, isMet, targetText } from "./harness/figure.ts";
import { type Scale, scaleOf } from "./harness/scale.ts";

export interface BenchCommand {
  readonly names: readonly string[];
  readonly scale: Scale;
}

export interface CommandOutput {
  /** One line of JSON a figure. */
  readonly figure: (line: string) => void;
  readonly progress: (line: string) => void;
}

/** `[name…] [--quick]`; without a name every bench. Throws on an unknown one, naming all. */
export function parseCommand(args: readonly string[], known: readonly string[]): BenchCommand {
  const flags = args.filter((arg) => arg.startsWith("-"));
  const names = args.filter((arg) => !arg.startsWith("-"));
  const unknown = [
    ...flags.filter((flag) => flag !== "--quick"),
    ...names.filter((name) => !known.includes(name)),
  ];
  if (unknown.length > 0) {
    throw new Error(`no ${unknown.join(", ")}; benches are: ${known.join(", ")}; flag: --quick`);
  }
  return {
    names: names.length > 0 ? names : known,
    scale: scaleOf(flags.length > 0 ? "quick" : "full"),
  };
}

/** Runs the benches one after the other. One that fails is told, and the others still run. */
export async function runBenches(
  benches: readonly Bench[],
  scale: Scale,
  output: CommandOutput,
): Promise<{ readonly failed: readonly string[] }> {
  const failed: string[] = [];
  for (const bench of benches) {
    try {
      await runBench(bench, scale, output);
    } catch (error) {
      failed.push(bench.name);
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      output.progress(`${bench.name}: failed: ${text}`);
    }
  }
  return { failed };
}

async function runBench(bench: Bench, scale: Scale, output: CommandOutput): Promise<void> {
  const start = performance.now();
  const progress = (text: string) => output.progress(`${bench.name}: ${text}`);
  for (const figure of await bench.run({ scale, progress })) {
    output.figure(figureLine(bench.name, figure));
    const target = bench.targets[figure.figure];
    if (target === undefined) continue;
    const verdict = isMet(figure.value, target) ? "met" : "MISSED";
    progress(`${figure.figure} ${targetText(target)}: ${verdict}`);
  }
  progress(`${((performance.now() - start) / 1_000).toFixed(1)} s`);
}
