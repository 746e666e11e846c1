import type { Identity } from "../identity/identity.ts";
import { fetchWholeLog, type LogSource } from "../log/fetch.ts";
import { type LogState, loadLog } from "../log/keeper.ts";
import type { ClientPorts } from "../ports.ts";
import type { Device } from "../runtime/device.ts";
import type { SealedStore } from "../store/seal-store.ts";

export interface OpeningLog {
  readonly store: SealedStore;
  readonly identity: Identity;
  readonly source: LogSource;
}

/** The log that the store holds; a new device fetches all of it. */
export async function firstLog(
  ports: ClientPorts,
  { store, identity, source }: OpeningLog,
): Promise<LogState> {
  const { verify, sha256 } = ports.crypto;
  const options = { org: identity.orgId, verify, sha256 };
  const stored = await loadLog(store, options);
  if (stored !== undefined) return stored;
  const { state, puts } = await fetchWholeLog(source, { ...options, known: undefined });
  await store.transaction({ puts, deletes: [] });
  return state;
}

/** Page by page, over HTTPS: also for who has no room to connect for. */
export async function syncLog(device: Device, source: LogSource): Promise<void> {
  for (;;) {
    const { replica, newest } = device.log;
    const page = await source.page(replica.size, newest.signed);
    await device.takeLog({ ...page, asked: newest });
    const { log } = device;
    if (log.replica.size >= log.newest.size || page.records.length === 0) return;
  }
}
