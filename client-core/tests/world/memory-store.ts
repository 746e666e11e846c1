import type { Sealed } from "@cloister/base";
import {
  assertSealed,
  type StorePort,
  type StoreQuery,
  type StoreWrites,
} from "@cloister/client-core";
import type { Gate } from "./gate.ts";

/** What is on the "disk": outlives the clients that open it. */
export class MemoryDisk {
  rows = new Map<string, Sealed>();

  /** A copy of the whole disk, as a restored snapshot would be. */
  snapshot(): MemoryDisk {
    const copy = new MemoryDisk();
    copy.rows = new Map(this.rows);
    return copy;
  }
}

export function memoryStore(disk: MemoryDisk, gate: Gate): StorePort {
  return {
    get: (key) => gate.pass("store.get", () => disk.rows.get(key)),
    list: (query) => gate.pass("store.list", () => list(disk, query)),
    transaction: (writes) => gate.cross("store.transaction", () => write(disk, writes)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function list(
  disk: MemoryDisk,
  { prefix, after, limit }: StoreQuery,
): { key: string; value: Sealed }[] {
  return [...disk.rows]
    .filter(([key]) => key.startsWith(prefix) && (after === undefined || key > after))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .slice(0, limit)
    .map(([key, value]) => ({ key, value }));
}

function write(disk: MemoryDisk, { puts, deletes }: StoreWrites): void {
  for (const { value } of puts) assertSealed(value);
  for (const key of deletes) disk.rows.delete(key);
  for (const { key, value } of puts) disk.rows.set(key, value);
}
