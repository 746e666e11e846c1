import { equalBytes, isCloisterError } from "@cloister/base";
import type { StagedCommit } from "@cloister/group-engine/types";
import { isVoidHandshake, parseHandshake, verifyHandshake } from "@cloister/rules";
import type { DeliveredRecord } from "../ports.ts";
import { oweConfirmation } from "./confirming.ts";
import { isAdmitted, type RoomContext } from "./context.ts";
import type { GroupSnapshot } from "./events.ts";
import { withAuthenticator } from "./joining.ts";
import { lookAtLog } from "./sending.ts";
import { stageVerdict } from "./stage-verdict.ts";
import type { FenceSeen, GroupPoint, RoomState, Work } from "./state.ts";
import {
  andThen,
  goOn,
  persist,
  type RoomStep,
  retryLater,
  stay,
  stop,
  withDurable,
} from "./steps.ts";

type FenceWork = Extract<Work, { readonly kind: "fence" }>;

/** Records up to here are read; now the room moves on (rule 11). */
export function meetFence(
  state: RoomState,
  met: { readonly record: DeliveredRecord; readonly fence: FenceSeen },
): RoomStep {
  const { record, fence } = met;
  const { group } = state.durable;
  const backlog = state.backlog.slice(1);
  if (group === undefined) return stay(state);
  const work: FenceWork = {
    kind: "fence",
    record,
    target: fence.handshakeIndex,
    targetHash: fence.handshakeHash,
    rest: undefined,
  };
  // Known already: one's own join, or a fence that the relay repeats.
  if (fence.handshakeIndex <= group.index) return passFence({ ...state, backlog, work });
  return stay(
    { ...state, backlog, work },
    { kind: "fetch-handshakes", fromIndex: group.index + 1n },
  );
}

/** The relay's answer: the handshakes from the next one on. */
export function onHandshakes(
  state: RoomState,
  { fromIndex, records }: { readonly fromIndex: bigint; readonly records: readonly Uint8Array[] },
  context: RoomContext,
): RoomStep {
  const { work } = state;
  const { group } = state.durable;
  if (work.kind !== "fence" || group === undefined) return stay(state);
  // Asked twice, answered twice: what belongs to an earlier question would be taken for a fork.
  if (work.rest !== undefined || fromIndex !== group.index + 1n) return stay(state);
  // The fence is published after the append; a relay that just came back may lag behind it.
  if (records.length === 0) return retryLater(state);
  // One answer holds what fits a message: whoever was away long asks again after it.
  const rest = records.slice(0, Number(work.target - group.index));
  return takeNext({ ...state, work: { ...work, rest } }, context);
}

/** After a pause, or with a longer log: ask again, or go on where it stopped. */
export function resumeFence(state: RoomState, context: RoomContext): RoomStep {
  const { work } = state;
  const { group } = state.durable;
  if (work.kind !== "fence" || group === undefined || !context.isOnline) return stay(state);
  if (work.rest !== undefined) return takeNext(state, context);
  return stay(state, { kind: "fetch-handshakes", fromIndex: group.index + 1n });
}

function takeNext(state: RoomState, context: RoomContext): RoomStep {
  const { work } = state;
  if (work.kind !== "fence") return stay(state);
  const [record] = work.rest ?? [];
  const { group } = state.durable;
  if (record === undefined) {
    if ((group?.index ?? 0n) >= work.target) return passFence(state);
    return resumeFence({ ...state, work: { ...work, rest: undefined } }, context);
  }
  const isLast = (group?.index ?? 0n) + 1n === work.target;
  if (isLast && !equalBytes(context.sha256(record), work.targetHash)) {
    return stop(state, "ERR_ROOM_FORK", "the relay's fence and its handshake are not the same");
  }
  try {
    const { message } = parseHandshake(record, context.sha256);
    if (isBeyondRefused(group, message.epoch)) return fallBehind(state);
    return stay(state, { kind: "engine-stage", commit: message.commit });
  } catch (error) {
    return skipVoid(state, codeOf(error), context);
  }
}

/**
 * The relay lets nobody replace a handshake that another builds upon: what was refused here has been
 * extended, and no `refuses` leads back. To go on refusing would be to queue for ever in an epoch that
 * has ended.
 */
function isBeyondRefused(group: GroupPoint | undefined, epoch: bigint): boolean {
  return group !== undefined && group.refused.length > 0 && epoch > group.epoch;
}

/** The engine has verified signature, tags and path; the rules decide (rule 6). */
export function onStaged(state: RoomState, staged: StagedCommit, context: RoomContext): RoomStep {
  const { work } = state;
  const { group } = state.durable;
  const [record] = work.kind === "fence" ? (work.rest ?? []) : [];
  if (record === undefined || group === undefined) {
    return stay(state, { kind: "engine-drop-staged" });
  }
  try {
    const handshake = verifyHandshake(context.log.state, {
      room: state.room,
      record,
      index: Number(group.index + 1n),
      previous: { hash: group.hash, epoch: group.epoch, checkpoint: { size: group.logSize } },
      rivals: group.refused,
      commit: staged.summary,
      roster: state.roster,
    });
    return stay({ ...state, merging: handshake }, { kind: "engine-merge-staged" });
  } catch (error) {
    return onRefused(stay(state, { kind: "engine-drop-staged" }), error, context);
  }
}

function onRefused(step: RoomStep, error: unknown, context: RoomContext): RoomStep {
  const code = codeOf(error);
  if (code === "ERR_HANDSHAKE_LOG_AHEAD") return andThen(step, (state) => lookAtLog(state));
  if (code === "ERR_VERIFICATION_LOG_FORK") {
    const text = "a handshake was made under another log";
    return andThen(step, (state) => stay(state, { kind: "log-fork", text }));
  }
  if (!isVoidHandshake(error)) {
    return andThen(step, (state) => stop(state, code, "a handshake could not be judged"));
  }
  return andThen(step, (state) => skipVoid(state, code, context));
}

/** What the engine itself refuses is void, unless the reason may be this device's own. */
export function onStageFailed(state: RoomState, code: string, context: RoomContext): RoomStep {
  const [record] = state.work.kind === "fence" ? (state.work.rest ?? []) : [];
  const isOwn = record !== undefined && deviceOf(record) === context.device;
  const verdict = stageVerdict({ code, isOwn });
  switch (verdict) {
    case "void":
      return skipVoid(state, code, context);
    case "busy":
      return andThen(stay(state, { kind: "engine-drop-staged" }), retryLater);
    case "lost":
      return fallBehind(state);
    default:
      throw verdict satisfies never;
  }
}

/** Void: named, skipped, and the room goes on in its epoch (rule 7). */
function skipVoid(state: RoomState, code: string, context: RoomContext): RoomStep {
  const { work } = state;
  const { group } = state.durable;
  const [record, ...rest] = work.kind === "fence" ? (work.rest ?? []) : [];
  if (record === undefined || group === undefined || work.kind !== "fence") return stay(state);
  const refused = [...group.refused, context.sha256(record)].slice(-8);
  const next = withDurable(
    { ...state, work: { ...work, rest } },
    { group: { ...group, index: group.index + 1n, refused } },
  );
  const device = deviceOf(record);
  const told = stay(next, persist(next), {
    kind: "notice",
    notice: { kind: "void-handshake", device, code },
  });
  return andThen(told, (after) => takeNext(after, context));
}

function deviceOf(record: Uint8Array): ReturnType<typeof parseHandshake>["device"] | undefined {
  try {
    return parseHandshake(record).device;
  } catch {
    return undefined;
  }
}

/** The group has moved to the next epoch. */
export function onMerged(state: RoomState, group: GroupSnapshot, context: RoomContext): RoomStep {
  const { work, merging } = state;
  if (work.kind !== "fence" || merging === undefined) return stay(state);
  if (!group.isActive) return leave(state, context);
  const point: GroupPoint = {
    index: BigInt(merging.index),
    hash: merging.hash,
    epoch: group.epoch,
    logSize: merging.checkpoint.size,
    ownLeaf: group.ownLeaf,
    refused: [],
  };
  const { durable } = state;
  // Its own, or another that came in its place: either way its fate is known.
  const isSettled = durable.pending !== undefined && durable.pending.index <= point.index;
  const merged = withDurable(
    {
      ...state,
      roster: group.members,
      merging: undefined,
      work: { ...work, rest: (work.rest ?? []).slice(1) },
      isAppending: isSettled ? false : state.isAppending,
    },
    {
      group: point,
      rememberedEpoch: group.epoch,
      pending: isSettled ? undefined : durable.pending,
      authenticators: withAuthenticator(durable.authenticators, {
        epoch: group.epoch,
        value: group.authenticator,
      }),
    },
  );
  const isNewcomer = merging.kind === "external" && merging.account !== context.account;
  const owed = isNewcomer
    ? oweConfirmation(merged, { epoch: group.epoch, account: merging.account }, context)
    : stay(merged);
  const kept = stay(owed.state, persist(owed.state), ...owed.effects, { kind: "changed" });
  return andThen(kept, (after) => takeNext(after, context));
}

/** Everything up to the fence is done: its number is what publishes expect from now on. */
function passFence(state: RoomState): RoomStep {
  const { work } = state;
  if (work.kind !== "fence") return stay(state);
  const { sequence } = work.record;
  const next = withDurable(
    { ...state, work: { kind: "idle" }, retryMs: 0, isRetrying: false },
    { position: sequence, fenceSequence: sequence },
  );
  const passed = stay(next, persist(next), { kind: "ack", records: [work.record] });
  return goOn(passed);
}

/** This device's leaf is gone: by right, and told; or though it is entitled, then it joins anew. */
function leave(state: RoomState, context: RoomContext): RoomStep {
  const { work } = state;
  const isEntitled = isAdmitted(context, state.room);
  const next = withDurable(
    {
      ...state,
      work: { kind: "idle" },
      merging: undefined,
      roster: [],
      isAppending: false,
      isWanted: state.isWanted || isEntitled,
    },
    {
      phase: isEntitled ? "joining" : "removed",
      pending: undefined,
      confirmDue: undefined,
      position: work.kind === "fence" ? work.record.sequence : state.durable.position,
    },
  );
  const gone = stay(next, { kind: "engine-forget" }, persist(next), { kind: "changed" });
  return isEntitled ? andThen(gone, retryLater) : gone;
}

/** The group's state here does not lead on: join anew, never below the epoch that is remembered. */
function fallBehind(state: RoomState): RoomStep {
  const next = withDurable(
    {
      ...state,
      work: { kind: "idle" },
      isWanted: true,
      merging: undefined,
      isAppending: false,
    },
    { phase: "joining", pending: undefined },
  );
  return andThen(stay(next, persist(next), { kind: "changed" }), retryLater);
}

function codeOf(error: unknown): string {
  return isCloisterError(error) ? error.code : "ERR_INTERNAL";
}
