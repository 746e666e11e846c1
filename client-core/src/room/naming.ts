import { type AccountId, accountIdFromBytes } from "@cloister/base";
import type { roomsV1 } from "@cloister/proto";
import { isOwnerOver, roomScope } from "@cloister/rules";
import type { RoomContext } from "./context.ts";
import type { RoomNames, RoomState } from "./state.ts";

const MAX_NAME_CHARS = 128;
const MAX_KNOWN_NAMES = 10_000;

/** What a member's profile tells: one's own name counts before what others say; owners name the room. */
export function learnNames(
  state: RoomState,
  told: { readonly account: AccountId; readonly profile: roomsV1.Profile },
  context: RoomContext,
): RoomState {
  const { account, profile } = told;
  const own = new Map(state.names.own);
  const others = new Map(state.names.told);
  if (profile.personName !== "") own.set(account, clean(profile.personName));
  for (const { accountId, name } of profile.knownNames) {
    if (accountId.length !== 16 || name === "" || others.size >= MAX_KNOWN_NAMES) continue;
    others.set(accountIdFromBytes(accountId), clean(name));
  }
  const names = { room: roomName(state, told, context), own, told: others };
  return { ...state, names };
}

function roomName(
  state: RoomState,
  { account, profile }: { readonly account: AccountId; readonly profile: roomsV1.Profile },
  { log }: RoomContext,
): string | undefined {
  if (profile.roomName === "") return state.names.room;
  const isOwner = isOwnerOver(log.state, { account, scope: roomScope(state.room), at: log.size });
  return isOwner ? clean(profile.roomName) : state.names.room;
}

/** Control characters would rewrite the line of a terminal that shows the name. */
function clean(name: string): string {
  return name.replaceAll(/\p{C}/gu, "").slice(0, MAX_NAME_CHARS);
}

export function nameOf(names: RoomNames, account: AccountId): string | undefined {
  return names.own.get(account) ?? names.told.get(account);
}

export function emptyNames(): RoomNames {
  return { room: undefined, own: new Map(), told: new Map() };
}
