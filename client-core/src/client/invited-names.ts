import { parseRoomId, type RoomId } from "@cloister/base";
import { fieldsOf, parseStored } from "../store/frame.ts";
import { storeKeys } from "../store/keys.ts";
import type { SealedStore } from "../store/seal-store.ts";

/** What the invitation called the rooms, until the rooms say it themselves. */
export async function readInvitedNames(store: SealedStore): Promise<ReadonlyMap<RoomId, string>> {
  const stored = await store.get(storeKeys.names);
  const names = new Map<RoomId, string>();
  if (stored === undefined) return names;
  for (const entry of fieldsOf(parseStored(stored).header).list("rooms")) {
    if (!Array.isArray(entry)) continue;
    const [room, name]: unknown[] = entry;
    if (typeof room === "string" && typeof name === "string") names.set(parseRoomId(room), name);
  }
  return names;
}
