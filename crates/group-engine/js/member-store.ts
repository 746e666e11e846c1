import { EngineError } from "./errors.ts";
import { type FrameReader, FrameWriter } from "./frame.ts";
import type { EngineInstance } from "./instance.ts";
import { GROUP_ID_BYTES, MAX_STORE_ENTRY_BYTES, MAX_STORE_KEY_BYTES } from "./limits.ts";
import type { MemberEngine, StoreEntry, StoreKey, WriteSet } from "./types.ts";

type StoreCalls = Pick<
  MemberEngine,
  "restore" | "load" | "unload" | "delete" | "groups" | "peekWrites" | "commitWrites" | "rollback"
>;

/** Bounds one call's copy; larger restores go over in several. */
const RESTORE_BATCH_BYTES = 16_777_216;
const RESTORE_BATCH_ENTRIES = 4_096;

const GROUP_SCOPE = 1;

/** The group an entry belongs to; undefined for the device's own (key packages). */
export function groupIdOfStoreKey(key: StoreKey): Uint8Array | undefined {
  const lengthBytes = key[1];
  if (key[0] !== GROUP_SCOPE || lengthBytes === undefined) return undefined;
  return key.slice(2, 2 + lengthBytes);
}

export function storeCalls(instance: EngineInstance): StoreCalls {
  const runFor = (name: string) => (groupId: Uint8Array) =>
    instance.run(name, new FrameWriter().bytes(groupId, GROUP_ID_BYTES));
  return {
    restore: (entries) => {
      for (const batch of batches(entries)) instance.run("member_restore", frameOf(batch));
    },
    load: runFor("member_load"),
    unload: runFor("member_unload"),
    delete: runFor("member_delete"),
    groups: () =>
      instance.call("member_groups", new FrameWriter(), (frame) =>
        frame.list((inner) => inner.bytes()),
      ),
    peekWrites: () => instance.call("member_peek_writes", new FrameWriter(), readWrites),
    commitWrites: () => instance.run("member_commit_writes", new FrameWriter()),
    rollback: () => instance.run("member_rollback", new FrameWriter()),
  };
}

function* batches(entries: Iterable<StoreEntry>): Generator<StoreEntry[]> {
  let batch: StoreEntry[] = [];
  let sizeBytes = 0;
  for (const entry of entries) {
    if (entry.value.length > MAX_STORE_ENTRY_BYTES) {
      throw new EngineError("engine.limit", "A stored entry is too large.");
    }
    batch.push(entry);
    sizeBytes += entry.key.length + entry.value.length;
    if (sizeBytes >= RESTORE_BATCH_BYTES || batch.length >= RESTORE_BATCH_ENTRIES) {
      yield batch;
      batch = [];
      sizeBytes = 0;
    }
  }
  yield batch;
}

function frameOf(batch: readonly StoreEntry[]): FrameWriter {
  const input = new FrameWriter().u32(batch.length);
  for (const { key, value } of batch) {
    input.bytes(key, MAX_STORE_KEY_BYTES).bytes(value, MAX_STORE_ENTRY_BYTES);
  }
  return input;
}

function readWrites(frame: FrameReader): WriteSet {
  const puts: StoreEntry[] = [];
  const deletes: StoreKey[] = [];
  for (const { key, value } of frame.list((inner) => ({
    key: inner.bytes(),
    value: inner.optionalBytes(),
  }))) {
    if (value === undefined) deletes.push(key);
    else puts.push({ key, value });
  }
  return { puts, deletes };
}
