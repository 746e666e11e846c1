import type { Figure, Target } from "./harness/figure.ts";
import type { Scale } from "./harness/scale.ts";

/** One name of `npm run bench`. */
export interface Bench {
  readonly name: string;
  /** What the figures of this bench are held to, by their name; the others are told only. */
  readonly targets: Readonly<Record<string, Target>>;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

export interface BenchContext {
  readonly scale: Scale;
  /** A line for whoever waits. */
  readonly progress: (text: string) => void;
}
