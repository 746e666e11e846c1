import type { StoreKey } from "../ports.ts";
import type { PlainWrites } from "../store/seal-store.ts";

/** More than this waits for no further event. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** Rows that several events want written, on their way into one transaction: the last word counts. */
export class PendingWrites {
  #rows = new Map<StoreKey, Uint8Array | undefined>();
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#rows.size === 0;
  }

  get isLarge(): boolean {
    return this.#bytes > MAX_WAITING_BYTES;
  }

  /** Within one call deletes come before puts, as in a store's transaction. */
  add({ puts, deletes }: PlainWrites): void {
    for (const key of deletes) this.#rows.set(key, undefined);
    for (const { key, value } of puts) {
      this.#rows.set(key, value);
      this.#bytes += value.length;
    }
  }

  take(): PlainWrites {
    const rows = [...this.#rows];
    this.#rows = new Map();
    this.#bytes = 0;
    return {
      puts: rows.flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }])),
      deletes: rows.flatMap(([key, value]) => (value === undefined ? [key] : [])),
    };
  }
}
