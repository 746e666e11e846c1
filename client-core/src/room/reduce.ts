import { type ErrorReport, equalBytes } from "@cloister/base";
import {
  onCommitAppended,
  onCommitFailed,
  onCommitMade,
  onCommitRefused,
  onSigned,
  resendPending,
} from "./committing.ts";
import { confirmNow, endWaiting, waitToConfirm } from "./confirming.ts";
import { isAdmitted, type RoomContext } from "./context.ts";
import type { RoomEvent } from "./events.ts";
import { onHandshakes, onMerged, onStaged, onStageFailed, resumeFence } from "./fences.ts";
import {
  onCreated,
  onEntered,
  onEntryRefused,
  onJoined,
  onJoinRefused,
  onNotCreated,
  onRoomKey,
  seekEntry,
} from "./joining.ts";
import { learnNames } from "./naming.ts";
import { drain, onOpened, onRecords } from "./receiving.ts";
import { fileRow, namesRow } from "./rows.ts";
import { enqueue, hold, onPublished, onSealed } from "./sending.ts";
import type { RoomState } from "./state.ts";
import { andThen, persist, type RoomStep, retryLater, stay, withDurable } from "./steps.ts";

/** One room, one event: the next state and what is to be done. Pure. */
export function reduceRoom(state: RoomState, event: RoomEvent, context: RoomContext): RoomStep {
  let step = reduceOne(state, event, context);
  while (step.goesOn) {
    step = andThen({ ...step, goesOn: false }, (after) => drain(after, context));
  }
  return andThen(step, (after) => (isOver(after, context) ? sayRemoved(after) : stay(after)));
}

/**
 * The log has taken this member away, and what could still be read has been: a handshake that is
 * still to be fetched is given to members only.
 */
function isOver({ room, durable, work, backlog }: RoomState, context: RoomContext): boolean {
  const isInside = durable.phase === "active" || durable.phase === "confirming";
  if (!isInside || isAdmitted(context, room)) return false;
  const isRead = work.kind === "idle" && backlog.length === 0;
  return isRead || (work.kind === "fence" && work.rest === undefined);
}

function reduceOne(state: RoomState, event: RoomEvent, context: RoomContext): RoomStep {
  switch (event.kind) {
    case "wanted":
      return seekEntry({ ...state, isWanted: true, joinRefusal: undefined }, context);
    case "online":
      return proceed({ ...state, isRetrying: false, retryMs: 0 }, context);
    case "offline":
      return stay(forgetCalls(state), { kind: "changed" });
    case "drained":
      return andThen(proceed(state, context), (after) => waitToConfirm(after, context));
    case "log-checked":
      return onLog({ ...state, isFetchingLog: false }, context);
    case "log-failed":
      return retryLater({ ...state, isFetchingLog: false });
    case "send":
      return onSend(state, event, context);
    case "renew":
      return proceed({ ...state, wantsRenewal: true }, context);
    case "records":
      return onRecords(state, event.records, context);
    case "opened":
      return onOpened(state, event.results, context);
    case "sealed":
      return onSealed(state, event.records, context);
    case "published":
      return onPublished(state, event, context);
    case "handshakes":
      return onHandshakes(state, event, context);
    case "handshakes-failed":
      return retryLater(state);
    default:
      return reduceGroup(state, event, context);
  }
}

type GroupEvent = Exclude<
  RoomEvent,
  {
    readonly kind:
      | "wanted"
      | "online"
      | "offline"
      | "drained"
      | "log-checked"
      | "log-failed"
      | "send"
      | "renew"
      | "records"
      | "opened"
      | "sealed"
      | "published"
      | "handshakes"
      | "handshakes-failed";
  }
>;

/** What has to do with the group's epochs. */
function reduceGroup(state: RoomState, event: GroupEvent, context: RoomContext): RoomStep {
  switch (event.kind) {
    case "staged":
      return onStaged(state, event.staged, context);
    case "stage-failed":
      return onStageFailed(state, event.code, context);
    case "merged":
      return onMerged(state, event.group, context);
    case "commit-made":
      return onCommitMade(state, event.bundle, context);
    case "commit-failed":
      return onCommitFailed(state, event.code);
    case "created":
      return onCreated(state, event, context);
    case "joined":
      return onJoined(state, event, context);
    case "join-failed":
      return onJoinRefused(state, keyReport(event.code));
    case "join-prepared":
      return onRoomKey(state, event.key, context);
    case "not-created":
      return onNotCreated(state, context);
    case "join-refused":
      return onJoinRefused(state, event.report);
    case "signed":
      return onSigned(state, event.pending);
    case "appended":
      return isOfPending(state, event.record) ? onAppended(state, event) : onLateAnswer(state);
    case "looked":
      return onLooked(state, event.group, context);
    case "append-refused":
      return isOfPending(state, event.record)
        ? onAppendRefused(state, event.report)
        : onLateAnswer(state);
    case "tick":
      return onTick(state, event.tag, context);
    default:
      throw event satisfies never;
  }
}

function onSend(
  state: RoomState,
  { rows, profile, file }: Extract<RoomEvent, { readonly kind: "send" }>,
  context: RoomContext,
): RoomStep {
  if (file !== undefined) {
    const noted = stay(state, persist(state, [fileRow(state.room, file, "own")]));
    return andThen(noted, (after) => enqueue(after, rows, context));
  }
  if (profile === undefined) return enqueue(state, rows, context);
  const named = learnNames(state, { account: context.account, profile }, context);
  const kept = stay(named, persist(named, [namesRow(named.room, named.names)]));
  return andThen(kept, (after) => enqueue(after, rows, context));
}

/** Takes up whatever lies open, in the order in which one thing waits for another. */
function proceed(state: RoomState, context: RoomContext): RoomStep {
  const { phase, pending } = state.durable;
  if (phase === "stopped" || !context.isOnline) return stay(state);
  const resent = pending === undefined ? stay(state) : resendPending(state);
  return andThen(resent, (after) => {
    if (after.work.kind === "fence") return resumeFence(after, context);
    if (phase !== "active" && phase !== "confirming") return seekEntry(after, context);
    return drain(after, context);
  });
}

/** The connection is gone, and the answers to what was asked over it. */
function forgetCalls(state: RoomState): RoomState {
  return {
    ...hold(state),
    isAppending: false,
    isJoining: false,
    isFetchingLog: false,
    joinKey: undefined,
    refusedFence: undefined,
    hindrance: { kind: "offline" },
  };
}

function onLog(state: RoomState, context: RoomContext): RoomStep {
  const { phase } = state.durable;
  const waited = endWaiting(state, context);
  const isFreed = waited.durable.phase !== phase;
  const step = isFreed ? stay(waited, persist(waited), { kind: "changed" }) : stay(waited);
  return andThen(step, (after) => proceed(after, context));
}

/** An owner has taken the role away: what this device held of the room's secrets goes. */
function sayRemoved(state: RoomState): RoomStep {
  const removed = withDurable(
    {
      ...state,
      work: { kind: "idle" },
      backlog: [],
      merging: undefined,
      roster: [],
      isAppending: false,
    },
    { phase: "removed", pending: undefined, confirmDue: undefined },
  );
  return stay(removed, { kind: "engine-forget" }, persist(removed), { kind: "changed" });
}

/** The late answer to an earlier handshake must not undo, or enter a room by, the one after it. */
function isOfPending({ durable }: RoomState, record: Uint8Array): boolean {
  return durable.pending !== undefined && equalBytes(durable.pending.record, record);
}

/** What is pending now, if anything, has an answer of its own to come. */
function onLateAnswer(state: RoomState): RoomStep {
  return stay(state.durable.pending === undefined ? { ...state, isAppending: false } : state);
}

function onAppended(
  state: RoomState,
  appended: { readonly index: bigint; readonly fenceSequence: bigint },
): RoomStep {
  if (state.durable.pending?.kind === "commit") return onCommitAppended(state);
  const { index, fenceSequence } = appended;
  return stay({ ...state, appended: { index, fenceSequence } }, { kind: "engine-look" });
}

function onLooked(
  state: RoomState,
  group: Parameters<typeof onEntered>[1]["group"],
  context: RoomContext,
): RoomStep {
  const { appended } = state;
  const { pending } = state.durable;
  if (appended === undefined || pending === undefined) return stay(state);
  const hash = context.sha256(pending.record);
  const { logSize } = pending;
  return onEntered(
    { ...state, appended: undefined },
    { ...appended, hash, logSize, group },
    context,
  );
}

function onAppendRefused(state: RoomState, report: ErrorReport): RoomStep {
  const { pending } = state.durable;
  const isOpen = report.retryable || report.kind === "Transport" || report.kind === "Timeout";
  // Nobody knows whether it was taken: the same bytes again.
  if (isOpen || pending === undefined) return retryLater({ ...state, isAppending: false });
  return pending.kind === "commit" ? onCommitRefused(state) : onEntryRefused(state);
}

function onTick(
  state: RoomState,
  tag: Extract<RoomEvent, { readonly kind: "tick" }>["tag"],
  context: RoomContext,
): RoomStep {
  switch (tag) {
    case "retry":
      return proceed({ ...state, isRetrying: false }, context);
    case "confirm":
      return confirmNow(state, context);
    case "fence":
      return proceed({ ...state, refusedFence: undefined }, context);
    default:
      throw tag satisfies never;
  }
}

function keyReport(code: string): ErrorReport {
  return {
    kind: "Verification",
    code: "ERR_ROOM_KEY_FOREIGN",
    message: `the relay's key of the room does not verify (${code})`,
    retryable: false,
    hint: "tell the owners: the relay may be faulty or hostile",
  };
}
