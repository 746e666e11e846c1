/** One measured number. */
export interface Figure {
  readonly figure: string;
  readonly value: number;
  /** "x" for a ratio, "1/s", "MiB/s", "MiB", "s". */
  readonly unit: string;
}

/** The bound a figure is held to: at least, or below. */
export type Target = { readonly atLeast: number } | { readonly below: number };

/** The line that goes to stdout: JSON in this order of keys, without a line end. */
export function figureLine(bench: string, { figure, value, unit }: Figure): string {
  if (!Number.isFinite(value)) throw new Error(`${bench} ${figure} is not a number`);
  return JSON.stringify({ bench, figure, value: rounded(value), unit });
}

/** Four digits that count: more would say that the machine is steadier than it is. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

export function isMet(value: number, target: Target): boolean {
  return "atLeast" in target ? value >= target.atLeast : value < target.below;
}

export function targetText(target: Target): string {
  return "atLeast" in target ? `>= ${target.atLeast}` : `< ${target.below}`;
}
