import { idBytes, type RoomId, roomIdFromBytes } from "@cloister/base";
import { fenceSubject, type relayV1, streamNames } from "@cloister/proto";
import { verifyPass } from "@cloister/rules";
import type { DeviceCaller } from "../handlers/device-caller.ts";
import { safeNumber } from "../rooms/handshake-record.ts";
import { inParallel } from "../store/in-parallel.ts";
import type { JetStreamApi } from "../store/jetstream-api.ts";
import { InboxConsumers } from "./inbox-consumers.ts";
import { restrictDevice } from "./removal.ts";

export interface OpenInboxContext {
  readonly caller: DeviceCaller;
  readonly api: JetStreamApi;
  readonly now: () => Parameters<typeof verifyPass>[1]["nowMs"];
}

/**
 * Makes the device's consumer over the rooms of its pass, from the smallest position that it names.
 * The consumer name in the answer is empty where the pass leaves no room.
 */
export async function openInbox(
  request: relayV1.OpenInboxRequest,
  { caller, api, now }: OpenInboxContext,
): Promise<relayV1.OpenInboxResponse> {
  const { state, size: at } = caller.replica();
  const pass = verifyPass(state, { token: request.pass, at, nowMs: now(), nkey: caller.nkey });
  const consumers = new InboxConsumers(api);
  const from = firstNeeded(pass.rooms, request.positions);
  await consumers.replace({ nkey: caller.nkey, rooms: pass.rooms, from });
  // A role may have ended while the consumer was made: whoever removes might have looked before.
  const newest = caller.replica();
  if (newest.size !== at) await restrictDevice(consumers, newest, caller.nkey);
  const { lastSequence } = await api.streamFacts(streamNames.rooms);
  return {
    stream: streamNames.rooms,
    consumer: pass.rooms.length === 0 ? "" : caller.nkey,
    lastSequence: BigInt(lastSequence),
    fences: await fencesOf(api, pass.rooms),
  };
}

/** One consumer serves all rooms, so it starts where the one furthest behind stands. */
function firstNeeded(
  rooms: readonly RoomId[],
  positions: readonly relayV1.OpenInboxRequest_Position[],
): number {
  const known = new Map(
    positions.map(({ roomId, sequence }) => [roomIdFromBytes(roomId), safeNumber(sequence)]),
  );
  return rooms.length === 0 ? 1 : Math.min(...rooms.map((room) => known.get(room) ?? 0)) + 1;
}

/** The last sequence on each fence subject, junk included: that is what publishes are held against. */
async function fencesOf(
  api: JetStreamApi,
  rooms: readonly RoomId[],
): Promise<relayV1.OpenInboxResponse_RoomFence[]> {
  const found = await inParallel(rooms, async (room) => {
    const last = await api.last(streamNames.rooms, fenceSubject(room));
    return last === undefined ? [] : [{ roomId: idBytes(room), sequence: BigInt(last.sequence) }];
  });
  return found.flat();
}
