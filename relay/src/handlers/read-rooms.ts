import { type RoomId, roomIdFromBytes } from "@cloister/base";
import { type relayV1, roomsV1, statementsV1 } from "@cloister/proto";
import { relayErrors } from "../errors.ts";
import { LOG_WAIT_MS, MAX_ANSWER_BYTES } from "../limits.ts";
import { safeNumber } from "../rooms/handshake-record.ts";
import { headOf, nextIndexOf, type RoomState } from "../rooms/room-state.ts";
import type { DeliveryContext } from "./context.ts";
import { type DeviceCaller, memberRoom } from "./device-caller.ts";
import { requireGrant } from "./require-grant.ts";

/** Where the room stands: what a grant must name, and nothing that opens anything. */
export async function getRoomEpoch(
  context: DeliveryContext,
  caller: DeviceCaller,
  request: relayV1.GetRoomEpochRequest,
): Promise<relayV1.GetRoomEpochResponse> {
  const room = roomIdFromBytes(request.roomId);
  await memberRoom(context.log, caller, room);
  return context.rooms.use({ org: caller.org, room }, async ({ state }) => {
    const head = headOf(state);
    if (head === undefined) return { created: false, epoch: 0n, handshakeIndex: 0n };
    return { created: true, epoch: head.epoch, handshakeIndex: BigInt(head.index) };
  });
}

/** The room's public key, to a device with a grant for exactly this epoch, in its minute. */
export async function getRoomKey(
  context: DeliveryContext,
  caller: DeviceCaller,
  request: relayV1.GetRoomKeyRequest,
): Promise<relayV1.GetRoomKeyResponse> {
  const { room, epoch } = await requireGrant(context, caller, request.grant);
  await memberRoom(context.log, caller, room);
  return context.rooms.use({ org: caller.org, room }, async ({ state }) => {
    const head = headOf(state);
    if (head === undefined || head.epoch !== epoch) {
      throw relayErrors.ERR_RELAY_EPOCH_STALE("the grant names another epoch than the room's", {
        details: { epoch: String(head?.epoch ?? 0n) },
      });
    }
    const ratchetTree = await context.engine.use(() => head.group.tree());
    if (ratchetTree.length + head.groupInfo.length > MAX_ANSWER_BYTES) {
      throw relayErrors.ERR_RELAY_ROOM_TOO_LARGE("the room's tree exceeds one message");
    }
    return {
      groupInfo: head.groupInfo,
      ratchetTree,
      epoch: head.epoch,
      handshakeIndex: BigInt(head.index),
      handshakeHash: head.hash,
    };
  });
}

/** Handshakes from an index on, as many as one answer holds. */
export async function getHandshakes(
  context: DeliveryContext,
  caller: DeviceCaller,
  request: relayV1.GetHandshakesRequest,
): Promise<relayV1.GetHandshakesResponse> {
  const room = roomIdFromBytes(request.roomId);
  await memberRoom(context.log, caller, room);
  const from = safeNumber(request.fromIndex);
  const key = { org: caller.org, room };
  // Only the list of sequences is needed of the state: the stored records never change.
  const state = await context.rooms.use(key, async (held) => held.state);
  const handshakes: relayV1.GetHandshakesResponse_Stored[] = [];
  let bytes = 0;
  for (let index = from; index < nextIndexOf(state); index += 1) {
    const stored = await storedHandshake(context, { key, state, index });
    const size = stored.handshake.length + stored.ratchetTree.length;
    // The first is always given: a tree too large to go with it can be fetched by joining anew.
    if (bytes + size > MAX_ANSWER_BYTES && handshakes.length > 0) break;
    handshakes.push(
      size > MAX_ANSWER_BYTES ? { ...stored, ratchetTree: new Uint8Array() } : stored,
    );
    bytes += size;
  }
  return { handshakes, nextIndex: BigInt(nextIndexOf(state)) };
}

async function storedHandshake(
  context: DeliveryContext,
  at: {
    readonly key: { readonly org: DeviceCaller["org"]; readonly room: RoomId };
    readonly state: RoomState;
    readonly index: number;
  },
): Promise<relayV1.GetHandshakesResponse_Stored> {
  const handshake = await context.store.record(at.state, at.index);
  if (handshake === undefined) {
    throw relayErrors.ERR_RELAY_STORE_CORRUPT("a stored handshake is missing", {
      details: { index: at.index },
    });
  }
  const tree = hasWelcome(handshake) ? await context.store.tree(at.key, handshake) : undefined;
  return { handshake, ratchetTree: tree ?? new Uint8Array() };
}

function hasWelcome(stored: Uint8Array): boolean {
  const { handshake } = roomsV1.SignedHandshake.decode(stored);
  return roomsV1.Handshake.decode(handshake).welcome.length > 0;
}

/**
 * The org's log, to any of its devices. Who knows more of it than this process waits for it: a
 * shorter log than his would look like one that went back.
 */
export async function getLog(
  context: DeliveryContext,
  caller: DeviceCaller,
  request: relayV1.GetLogRequest,
): Promise<relayV1.GetLogResponse> {
  const from = safeNumber(request.from);
  const replica = await context.log.waitForSize(caller.org, from, { timeoutMs: LOG_WAIT_MS });
  const held = context.log.records(caller.org, { from, max: request.maxRecords });
  let bytes = 0;
  const records = held.filter((record) => (bytes += record.length) <= MAX_ANSWER_BYTES);
  const [newest] = context.log.records(caller.org, { from: replica.size - 1, max: 1 });
  const checkpoint =
    newest === undefined ? new Uint8Array() : statementsV1.LogRecord.decode(newest).checkpoint;
  return { records, checkpoint };
}
