import { MAX_PASS_ROOMS, type RoomId } from "@cloister/base";

/**
 * The rooms to name to the gateway: none, which asks for all, unless they are more than one
 * connection takes. Then those that this device has joined come first, so that nobody shuts an
 * account out of its rooms by giving it roles in many others.
 */
export function chooseRooms(
  all: readonly RoomId[],
  isJoined: (room: RoomId) => boolean,
): readonly RoomId[] {
  if (all.length <= MAX_PASS_ROOMS) return [];
  const joined = all.filter(isJoined);
  const others = all.filter((room) => !isJoined(room));
  return [...joined, ...others].slice(0, MAX_PASS_ROOMS);
}
