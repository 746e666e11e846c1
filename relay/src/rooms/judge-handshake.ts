import type { EpochMs, Verified } from "@cloister/base";
import {
  type HandshakeView,
  type LogReplica,
  verifyCreation,
  verifyHandshake,
} from "@cloister/rules";
import type { HandshakeRecord } from "./handshake-record.ts";
import { nextIndexOf, type RoomState } from "./room-state.ts";
import type { Step } from "./succession.ts";

export interface HandshakeCase {
  readonly replica: LogReplica;
  readonly record: HandshakeRecord;
  readonly state: RoomState;
  readonly step: Step;
  /** For the minute of a grant, which the relay alone checks. */
  readonly nowMs: EpochMs;
}

/** The members' rules over what the engine verified. Throws why the handshake is void. */
export function judgeHandshake(at: HandshakeCase): Verified<HandshakeView> {
  const { state } = at.replica;
  const { record, step } = at;
  const query = { room: record.room, record: record.bytes, index: nextIndexOf(at.state) };
  if (step.kind === "creation") {
    const group = { context: step.group.context(), members: step.group.members() };
    return verifyCreation(state, { ...query, group });
  }
  const { parent, replaces } = step.successor;
  return verifyHandshake(state, {
    ...query,
    previous: { hash: parent.hash, epoch: parent.epoch, checkpoint: { size: parent.logSize } },
    rivals: replaces ? at.state.candidates.map(({ hash }) => hash) : [],
    commit: step.summary,
    roster: parent.group.members(),
    relayNowMs: at.nowMs,
  });
}
