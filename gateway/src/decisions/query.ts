import type { EpochMs, RoomId } from "@cloister/base";
import type { DecisionQuery } from "@cloister/rules";
import type { SessionCaller } from "../rpc/caller.ts";

/** The question whether the calling device may use this room now. */
export function decisionQuery(caller: SessionCaller, room: RoomId, nowMs: EpochMs): DecisionQuery {
  const { account, device } = caller.device.certificate;
  return { account, device, room, session: caller.session, at: caller.view.at, nowMs };
}
