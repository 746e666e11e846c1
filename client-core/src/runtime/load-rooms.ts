import { parseDeviceId, parseRoomId, type RoomId, type Sha256 } from "@cloister/base";
import { emptyNames } from "../room/naming.ts";
import { parseChain, parseDurable, parseFlight, parseNames, parseQueueRow } from "../room/rows.ts";
import { newRoomState, type RoomState } from "../room/state.ts";
import { storeKeys } from "../store/keys.ts";
import type { SealedStore } from "../store/seal-store.ts";
import type { Groups } from "./groups.ts";

export interface LoadPorts {
  readonly store: SealedStore;
  readonly sha256: Sha256;
  readonly groups: Groups;
}

/** Every room that the store knows, as it was when the client ended, however it ended. */
export async function loadRooms(ports: LoadPorts): Promise<RoomState[]> {
  const rooms: RoomState[] = [];
  for (const room of await storedRooms(ports.store)) rooms.push(await loadRoom(ports, room));
  return rooms;
}

/** Room by room, so that no history is read to find their names. */
async function storedRooms(store: SealedStore): Promise<RoomId[]> {
  const rooms: RoomId[] = [];
  let after: string | undefined;
  for (;;) {
    const [row] = await store.list({ prefix: storeKeys.rooms, after, limit: 1 });
    const name = row?.key.split("/")[1];
    if (name === undefined) return rooms;
    rooms.push(parseRoomId(name));
    // Greater than every row of this room, smaller than the next room's: `0` follows `/`.
    after = `${storeKeys.rooms}${name}0`;
  }
}

async function loadRoom(ports: LoadPorts, room: RoomId): Promise<RoomState> {
  const { store, sha256, groups } = ports;
  const fresh = newRoomState(room);
  const stored = await store.get(storeKeys.roomState(room));
  const names = await store.get(storeKeys.roomNames(room));
  const rows = (await store.listAll(storeKeys.queue(room))).map(({ value }) =>
    parseQueueRow(value),
  );
  const flights = (await store.listAll(storeKeys.flights(room))).map(({ value }) =>
    parseFlight(value, rows, sha256),
  );
  const flying = new Set(flights.flatMap((flight) => flight.rows.map(({ row }) => row)));
  const prefix = storeKeys.chains(room);
  const chains = (await store.listAll(prefix)).map(
    ({ key, value }) => [parseDeviceId(key.slice(prefix.length)), parseChain(value)] as const,
  );
  const state: RoomState = {
    ...fresh,
    durable: stored === undefined ? fresh.durable : parseDurable(stored),
    names: names === undefined ? emptyNames() : parseNames(names),
    queue: rows.filter(({ row }) => !flying.has(row)),
    flights,
    chains: new Map(chains),
  };
  return withGroup(state, groups);
}

/** A group that cannot be read any more is joined anew; its messages stay. */
function withGroup(state: RoomState, groups: Groups): RoomState {
  const { durable, room } = state;
  const hasGroup =
    durable.group !== undefined ||
    (durable.pending !== undefined && durable.pending.kind !== "commit");
  const isOver = durable.phase === "removed" || durable.phase === "stopped";
  if (!hasGroup || isOver) return state;
  if (groups.load(room)) return { ...state, roster: groups.snapshot(room).members };
  return {
    ...state,
    isWanted: true,
    durable: { ...durable, phase: "joining", pending: undefined },
  };
}
