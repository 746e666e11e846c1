import { errorFromReport, type RoomId } from "@cloister/base";
import { clientErrors } from "../errors.ts";
import { allowedRooms } from "./link.ts";
import { stoppedError } from "./open-room.ts";
import type { ClientSession } from "./session.ts";

export interface EnterRoom {
  readonly session: ClientSession;
  readonly room: RoomId;
  /** Asks the gateway again. */
  readonly refresh: () => Promise<void>;
}

/** Admission by the gateway, then the join; throws the first refusal. */
export async function enterRoom({ session, room, refresh }: EnterRoom): Promise<void> {
  const { device, hub, closing } = session;
  if (!isAllowed(session, room) || device.link === undefined) await refresh();
  if (!isAllowed(session, room)) throw refusalOf(session, room);
  device.post(room, { kind: "wanted" });
  await device.settled();
  for (;;) {
    const seen = hub.version;
    device.check();
    const { durable, joinRefusal, hindrance, isRetrying } = device.room(room);
    if (durable.phase === "active" || durable.phase === "confirming") return;
    if (durable.phase === "stopped") throw stoppedError(device.room(room));
    if (joinRefusal !== undefined && !isRetrying) throw errorFromReport(joinRefusal);
    if (hindrance?.kind === "not-admitted") {
      throw clientErrors.ERR_NOT_ADMITTED("the room cannot be joined", { hint: hindrance.hint });
    }
    if (closing.signal.aborted) throw clientErrors.ERR_CLIENT_CLOSED("the client was closed");
    if (device.link === undefined) throw clientErrors.ERR_OFFLINE("the connection was lost");
    await hub.after(seen);
  }
}

function isAllowed(session: ClientSession, room: RoomId): boolean {
  return allowedRooms(session.access.admission?.decisions ?? []).includes(room);
}

function refusalOf({ access }: ClientSession, room: RoomId): Error {
  const decision = access.admission?.decisions.find(({ roomId }) => sameRoom(roomId, room));
  if (decision === undefined) {
    return clientErrors.ERR_ROOM_UNKNOWN("you have no role in such a room");
  }
  const rule = decision.rules.find(({ passed }) => !passed);
  return clientErrors.ERR_NOT_ADMITTED(
    `the ${rule?.source ?? "gateway"} refuses: ${rule?.text ?? "no reason given"}`,
    {
      ...(rule?.hint ? { hint: rule.hint } : {}),
      details: { room, missingFactors: decision.missingFactors.length },
    },
  );
}

function sameRoom(bytes: Uint8Array, room: RoomId): boolean {
  return allowedRooms([{ roomId: bytes, allowed: true }]).includes(room);
}
