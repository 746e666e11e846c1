import { type AccountId, parseAccountId, parseRoomId, type RoomId } from "@cloister/base";
import { fieldsOf, parseStored } from "../store/frame.ts";
import { storeKeys } from "../store/keys.ts";
import type { SealedStore } from "../store/seal-store.ts";

/** What the invitation called the rooms and the inviter, until they say it themselves. */
export interface InvitedNames {
  readonly rooms: ReadonlyMap<RoomId, string>;
  readonly people: ReadonlyMap<AccountId, string>;
}

export async function readInvitedNames(store: SealedStore): Promise<InvitedNames> {
  const stored = await store.get(storeKeys.names);
  if (stored === undefined) return { rooms: new Map(), people: new Map() };
  const fields = fieldsOf(parseStored(stored).header);
  return {
    rooms: new Map(pairsOf(fields.list("rooms")).map(([room, name]) => [parseRoomId(room), name])),
    people: new Map(
      pairsOf(fields.list("people")).map(([account, name]) => [parseAccountId(account), name]),
    ),
  };
}

function pairsOf(entries: readonly unknown[]): [string, string][] {
  return entries.flatMap((entry): [string, string][] => {
    const [id, name]: unknown[] = Array.isArray(entry) ? entry : [];
    return typeof id === "string" && typeof name === "string" ? [[id, name]] : [];
  });
}
