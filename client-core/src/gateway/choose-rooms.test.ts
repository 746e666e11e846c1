import { MAX_PASS_ROOMS, type RoomId, roomIdFromBytes } from "@cloister/base";
import { describe, expect, it } from "vitest";
import { chooseRooms } from "./choose-rooms.ts";

const rooms = (count: number): RoomId[] =>
  Array.from({ length: count }, (_, index) =>
    roomIdFromBytes(
      Uint8Array.from({ length: 16 }, (_byte, at) => (at < 2 ? index >> (8 * at) : 0)),
    ),
  );

describe("the rooms that a connection is asked for", () => {
  it("are all, unnamed, where one connection takes them", () => {
    expect(chooseRooms(rooms(MAX_PASS_ROOMS), () => true)).toEqual([]);
  });

  it("are the joined ones first, where somebody has given the account too many", () => {
    const all = rooms(MAX_PASS_ROOMS + 50);
    const joined = all.slice(-3);
    const chosen = chooseRooms(all, (room) => joined.includes(room));
    expect(chosen).toHaveLength(MAX_PASS_ROOMS);
    expect(chosen.slice(0, 3)).toEqual(joined);
    expect(new Set(chosen).size).toBe(MAX_PASS_ROOMS);
  });
});
