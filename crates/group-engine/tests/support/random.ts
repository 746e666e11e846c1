/** Seeded generator (xorshift64*): the same seed plays the same test. Not for secrets. */
export class Random {
  #state: bigint;

  constructor(seed: number) {
    this.#state = (BigInt(seed) + 1n) * 0x9e37_79b9_7f4a_7c15n;
    for (let warm = 0; warm < 8; warm += 1) this.u32();
  }

  u32(): number {
    let state = this.#state & MASK;
    state ^= state >> 12n;
    state = (state ^ (state << 25n)) & MASK;
    state ^= state >> 27n;
    this.#state = state;
    return Number(((state * 0x2545_f491_4f6c_dd1dn) & MASK) >> 32n);
  }

  below(limit: number): number {
    return this.u32() % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32() & 0xff);
  }
}

const MASK = 0xffff_ffff_ffff_ffffn;
