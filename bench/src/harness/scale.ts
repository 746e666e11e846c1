/** How much is measured: whole, or a quick look at a quarter of the size. */
export interface Scale {
  readonly kind: "full" | "quick";
  /** How often each side runs; figures are the median of so many. */
  readonly rounds: number;
  /** This scale's share of a full amount, in whole units and at least 1. */
  amount(full: number): number;
}

export function scaleOf(kind: Scale["kind"]): Scale {
  const isQuick = kind === "quick";
  return {
    kind,
    rounds: isQuick ? 3 : 5,
    amount: (full) => (isQuick ? Math.max(1, Math.round(full / 4)) : full),
  };
}
