import { type ErrorReport, equalBytes, idBytes } from "@cloister/base";
import type { CommitBundle, CreatedGroup, GroupContextView } from "@cloister/group-engine/types";
import { encodeGroupBinding, entitlement, isOwnerOver, roomScope } from "@cloister/rules";
import { commitBinding, handshakeHead, nextIndex, resendPending } from "./committing.ts";
import { sayProfile } from "./confirming.ts";
import { isAdmitted, otherAccounts, type RoomContext, roomFact } from "./context.ts";
import type { GroupSnapshot, RoomKey } from "./events.ts";
import type { EpochAuthenticator, GroupPoint, RoomState } from "./state.ts";
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

/** Newest epochs whose authenticator is kept for confirmations. */
export const KEPT_AUTHENTICATORS = 16;

/** Starts to join where that is wanted, allowed and not under way. */
export function seekEntry(state: RoomState, context: RoomContext): RoomStep {
  const { phase, mustResync, pending } = state.durable;
  if (pending !== undefined) return context.isOnline ? resendPending(state) : stay(state);
  const isOut = phase === "absent" || phase === "joining" || phase === "removed" || mustResync;
  const mayTry = state.isWanted || phase === "joining" || mustResync;
  const isBusy = state.isJoining || state.isRetrying || state.work.kind !== "idle";
  if (phase === "stopped" || !isOut || !mayTry || isBusy || !context.isOnline) return stay(state);
  if (!isAdmitted(context, state.room)) return stay(state);
  // What can still be read with the old state is read first.
  if (mustResync && !context.isDrained) return stay(state);
  const next = withDurable({ ...state, isJoining: true }, { phase: "joining" });
  return stay(next, { kind: "prepare-join" }, { kind: "changed" });
}

/** The relay's key of the room, against a grant. Nothing of it is believed that the log can say. */
export function onRoomKey(state: RoomState, key: RoomKey, context: RoomContext): RoomStep {
  if (key.epoch < state.durable.rememberedEpoch) {
    return giveUp(state, "ERR_ROOM_KEY_OLD", "the relay offers an epoch that is already past here");
  }
  const aad = commitBinding(context, state, {
    previousHash: key.handshakeHash,
    grantHash: context.sha256(key.grant),
  });
  const { groupInfo, ratchetTree } = key;
  const earlierLeaf = state.durable.group?.ownLeaf;
  const next = { ...state, joinKey: key };
  return stay(next, { kind: "engine-join", groupInfo, ratchetTree, aad, earlierLeaf });
}

/** The engine has made the external commit; now the roster is held against the log (rule 10). */
export function onJoined(
  state: RoomState,
  joined: {
    readonly bundle: CommitBundle;
    readonly group: GroupSnapshot;
    readonly context: GroupContextView;
  },
  context: RoomContext,
): RoomStep {
  const { joinKey: key } = state;
  if (key === undefined) return stay(state, { kind: "engine-rollback" });
  const fault = faultOf(state, joined, context);
  if (fault !== undefined) {
    return andThen(stay(state, { kind: "engine-rollback" }), (after) =>
      giveUp(after, fault.code, fault.text),
    );
  }
  return stay(
    { ...state, roster: joined.group.members },
    {
      kind: "sign-handshake",
      handshake: {
        ...handshakeHead(state, context, key.index + 1n),
        epoch: key.epoch,
        commit: joined.bundle.commit,
        groupInfo: joined.bundle.groupInfo,
        grant: key.grant,
      },
      as: { kind: "join", logSize: context.log.size },
    },
  );
}

function faultOf(
  state: RoomState,
  joined: { readonly group: GroupSnapshot; readonly context: GroupContextView },
  context: RoomContext,
): { readonly code: string; readonly text: string } | undefined {
  const fact = roomFact(context, state.room);
  const { key, log } = { key: state.joinKey, log: context.log };
  if (fact === undefined || key === undefined) {
    return { code: "ERR_ROOM_UNKNOWN", text: "the log knows no such room" };
  }
  const binding = encodeGroupBinding({
    org: context.org,
    room: state.room,
    rulesVersion: fact.rulesVersion,
  });
  const isRooms =
    equalBytes(joined.context.groupId, idBytes(fact.groupId)) &&
    equalBytes(joined.context.contextExtension, binding) &&
    !joined.context.foreignExtensions &&
    joined.group.epoch === key.epoch + 1n;
  if (!isRooms) {
    return { code: "ERR_ROOM_KEY_FOREIGN", text: "the relay's key is not this room's" };
  }
  // A leaf whose role ended is removed by the next commit; one that the log never certified is forged.
  const forged = joined.group.members.some((leaf) => {
    const verdict = entitlement(log.state, { room: state.room, at: log.size, leaf });
    return !verdict.entitled && forgedReasons.has(verdict.reason);
  });
  return forged
    ? { code: "ERR_ROSTER_LEAF", text: "a leaf of the group is not certified in the log" }
    : undefined;
}

const forgedReasons: ReadonlySet<string> = new Set([
  "malformed",
  "other-org",
  "unknown-device",
  "other-account",
  "other-key",
]);

/** Refused on one's own judgement: said by name, and not tried again before a person asks. */
function giveUp(state: RoomState, code: string, text: string): RoomStep {
  const next = { ...state, joinKey: undefined, isJoining: false };
  return stop(next, code, text);
}

/** No group yet: its owner makes it, anybody else waits for that. */
export function onNotCreated(state: RoomState, context: RoomContext): RoomStep {
  if (state.durable.group !== undefined) {
    // A second beginning would be an epoch below the remembered one (rule 10).
    return giveUp(
      state,
      "ERR_ROOM_KEY_OLD",
      "the relay denies a room that this device has been in",
    );
  }
  const { account, log } = context;
  const fact = roomFact(context, state.room);
  const scope = roomScope(state.room);
  const isOwner = isOwnerOver(log.state, { account, scope, at: log.size });
  if (fact === undefined || !isOwner) {
    const hint = "the room is opened by the first visit of its owner";
    return retryLater({ ...state, isJoining: false, hindrance: { kind: "not-admitted", hint } });
  }
  const contextExtension = encodeGroupBinding({
    org: context.org,
    room: state.room,
    rulesVersion: fact.rulesVersion,
  });
  return stay(state, { kind: "engine-create", contextExtension });
}

export function onCreated(
  state: RoomState,
  created: { readonly made: CreatedGroup; readonly group: GroupSnapshot },
  context: RoomContext,
): RoomStep {
  return stay(
    { ...state, roster: created.group.members },
    {
      kind: "sign-handshake",
      handshake: {
        ...handshakeHead(state, context, nextIndex(undefined)),
        groupInfo: created.made.groupInfo,
        ratchetTree: created.made.ratchetTree,
      },
      as: { kind: "create", logSize: context.log.size },
    },
  );
}

/** The gateway or the relay says no: shown, and asked again after a while. */
export function onJoinRefused(state: RoomState, report: ErrorReport): RoomStep {
  const hint = report.hint ?? report.message;
  const isDecision = report.kind === "Policy" || report.kind === "Verification";
  const next: RoomState = {
    ...state,
    isJoining: false,
    joinKey: undefined,
    joinRefusal: report,
    hindrance: isDecision ? { kind: "not-admitted", hint } : { kind: "offline" },
  };
  const told = stay(next, { kind: "changed" });
  return isDecision ? told : andThen(told, retryLater);
}

/** The group's own room: this device is in it from this fence on. */
export function onEntered(
  state: RoomState,
  entered: {
    readonly index: bigint;
    readonly fenceSequence: bigint;
    readonly hash: Uint8Array;
    readonly logSize: number;
    readonly group: GroupSnapshot;
  },
  context: RoomContext,
): RoomStep {
  const { index, fenceSequence, hash, logSize, group } = entered;
  const others = otherAccounts(context, state.room, group.members);
  const isResync = state.durable.group !== undefined;
  const point: GroupPoint = {
    index,
    hash,
    epoch: group.epoch,
    logSize,
    ownLeaf: group.ownLeaf,
    refused: [],
  };
  const next = withDurable(
    {
      ...state,
      roster: group.members,
      joinKey: undefined,
      joinRefusal: undefined,
      isJoining: false,
      isAppending: false,
      hindrance: undefined,
      retryMs: 0,
    },
    {
      phase: others.length === 0 ? "active" : "confirming",
      group: point,
      rememberedEpoch: group.epoch,
      position: max(state.durable.position, fenceSequence),
      fenceSequence,
      pending: undefined,
      mustResync: false,
      confirmDue: undefined,
      authenticators: withAuthenticator([], { epoch: group.epoch, value: group.authenticator }),
    },
  );
  const entry = stay(
    next,
    persist(next),
    ...(isResync ? [{ kind: "notice", notice: { kind: "resynced" } } as const] : []),
    { kind: "changed" },
  );
  const said = others.length === 0 ? andThen(entry, (after) => sayProfile(after, context)) : entry;
  return goOn(said);
}

export function withAuthenticator(
  kept: readonly EpochAuthenticator[],
  next: EpochAuthenticator,
): EpochAuthenticator[] {
  return [...kept.filter(({ epoch }) => epoch !== next.epoch), next].slice(-KEPT_AUTHENTICATORS);
}

/** The relay did not take the join or creation: forget the group that was made for it. */
export function onEntryRefused(state: RoomState): RoomStep {
  const next = withDurable(
    { ...state, isAppending: false, isJoining: false, joinKey: undefined, roster: [] },
    { pending: undefined, phase: "joining" },
  );
  const later = retryLater(next);
  return stay(later.state, { kind: "engine-forget" }, persist(later.state), ...later.effects);
}

function max(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
