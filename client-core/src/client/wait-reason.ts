import type { RoomId } from "@cloister/base";
import { roleOf, roomScope } from "@cloister/rules";
import type { RoomPhase, RoomStatus, WaitReason } from "../client-types.ts";
import { otherAccounts, type RoomContext, roomFact } from "../room/context.ts";
import type { RoomState } from "../room/state.ts";

/** What the room is doing, in the words of the public interface. */
export function phaseOf(state: RoomState, context: RoomContext): RoomPhase {
  const { phase, stopped } = state.durable;
  switch (phase) {
    case "absent":
    case "removed":
    case "joining":
      return { kind: phase };
    case "confirming":
      return {
        kind: "awaiting-confirmation",
        accounts: otherAccounts(context, state.room, state.roster),
      };
    case "active":
      return isCatchingUp(state, context) ? { kind: "catching-up" } : { kind: "active" };
    case "stopped":
      return {
        kind: "stopped",
        code: stopped?.code ?? "ERR_ROOM_STOPPED",
        text: stopped?.text ?? "",
      };
    default:
      throw phase satisfies never;
  }
}

function isCatchingUp(state: RoomState, context: RoomContext): boolean {
  const isBehind = state.backlog.length > 0 || state.work.kind !== "idle";
  return context.isOnline && (!context.isDrained || isBehind);
}

/** Why what is queued does not go out; undefined if it does. */
export function waitReason(state: RoomState, context: RoomContext): WaitReason | undefined {
  if (!context.isOnline) return { kind: "offline" };
  if (state.hindrance !== undefined && state.hindrance.kind !== "offline") return state.hindrance;
  const phase = phaseOf(state, context);
  if (phase.kind === "awaiting-confirmation") {
    return { kind: "confirmation", accounts: phase.accounts };
  }
  if (phase.kind === "removed" || phase.kind === "stopped") {
    return { kind: "not-admitted", hint: `the room is ${phase.kind} here` };
  }
  return phase.kind === "active" ? undefined : { kind: "catching-up" };
}

export function statusOf(
  state: RoomState,
  context: RoomContext,
  invitedNames: ReadonlyMap<RoomId, string>,
): RoomStatus | undefined {
  const fact = roomFact(context, state.room);
  if (fact?.project === undefined) return undefined;
  const { account, log } = context;
  const queued = [...state.queue, ...state.flights.flatMap(({ rows }) => rows)];
  return {
    id: state.room,
    project: fact.project,
    name: state.names.room ?? invitedNames.get(state.room),
    role: roleOf(log.state, { account, scope: roomScope(state.room), at: log.size }),
    phase: phaseOf(state, context),
    epoch: state.durable.group?.epoch,
    queuedMessages: queued.reduce((sum, { itemCount }) => sum + itemCount, 0),
    setAsideRecords: state.durable.setAside,
    skippedRecords: state.durable.skipped,
  };
}
