import { idBytes } from "@cloister/base";
import type { CommitBundle, GroupMember } from "@cloister/group-engine/types";
import { encodeCommitBinding } from "@cloister/rules";
import type { RoomContext } from "./context.ts";
import { roomFact } from "./context.ts";
import type { RoomEffect } from "./effects.ts";
import type { GroupPoint, PendingHandshake, RoomState } from "./state.ts";
import { persist, type RoomStep, retryLater, stay, stop, withDurable } from "./steps.ts";

const none = new Uint8Array(0);

/** A commit that removes these leaves; with none, one that renews one's own (rule 8). */
export function commitAway(
  state: RoomState,
  context: RoomContext,
  stray: readonly GroupMember[],
): RoomStep {
  const { group } = state.durable;
  if (group === undefined) return stay(state);
  const aad = commitBinding(context, state, { previousHash: group.hash, grantHash: undefined });
  const removes = stray.map(({ leafIndex }) => leafIndex);
  return stay(state, { kind: "engine-commit", removes, aad });
}

/** What a commit's authenticated data say (docs/protocol.md, Handshakes). */
export function commitBinding(
  context: RoomContext,
  state: RoomState,
  link: { readonly previousHash: Uint8Array; readonly grantHash: Uint8Array | undefined },
): Uint8Array {
  return encodeCommitBinding({
    org: context.org,
    room: state.room,
    rulesVersion: roomFact(context, state.room)?.rulesVersion ?? 0,
    previousHash: link.previousHash,
    logSize: context.log.size,
    logRoot: context.log.root,
    grantHash: link.grantHash,
  });
}

/** The engine holds the commit as pending; the record around it is signed and kept before it is sent. */
export function onCommitMade(
  state: RoomState,
  bundle: CommitBundle,
  context: RoomContext,
): RoomStep {
  const { group } = state.durable;
  if (group === undefined) return stay(state, { kind: "engine-rollback" });
  return stay(state, {
    kind: "sign-handshake",
    handshake: {
      ...handshakeHead(state, context, nextIndex(group)),
      epoch: group.epoch,
      commit: bundle.commit,
      groupInfo: bundle.groupInfo,
      refuses: group.refused.at(-1) ?? none,
    },
    as: { kind: "commit", logSize: context.log.size },
  });
}

export function nextIndex(group: GroupPoint | undefined): bigint {
  return group === undefined ? 0n : group.index + 1n;
}

type HandshakeMessage = Extract<RoomEffect, { readonly kind: "sign-handshake" }>["handshake"];

/** What every handshake of this device says of itself. */
export function handshakeHead(
  state: RoomState,
  context: RoomContext,
  index: bigint,
): HandshakeMessage {
  return {
    orgId: idBytes(context.org),
    roomId: idBytes(state.room),
    deviceId: idBytes(context.device),
    index,
    epoch: 0n,
    commit: none,
    welcome: none,
    groupInfo: none,
    ratchetTree: none,
    checkpoint: context.log.checkpoint,
    grant: none,
    refuses: none,
  };
}

/** Kept with the engine's state, then handed to the relay. */
export function onSigned(state: RoomState, pending: PendingHandshake): RoomStep {
  const next = withDurable({ ...state, isAppending: true }, { pending });
  return stay(next, persist(next), { kind: "append-handshake", record: pending.record });
}

/** After a restart or a lost answer: the same bytes, which the relay takes as the same. */
export function resendPending(state: RoomState): RoomStep {
  const { pending } = state.durable;
  if (pending === undefined || state.isAppending) return stay(state);
  return stay(
    { ...state, isAppending: true },
    { kind: "append-handshake", record: pending.record },
  );
}

/** The relay has it: the commit is merged when its fence comes by (rule 11). */
export function onCommitAppended(state: RoomState): RoomStep {
  return stay({ ...state, isAppending: false, wantsRenewal: false, retryMs: 0 });
}

/** Somebody was faster, or the relay finds it void: drop it, follow the room, then look again. */
export function onCommitRefused(state: RoomState): RoomStep {
  const next = withDurable({ ...state, isAppending: false }, { pending: undefined });
  const dropped = retryLater(next);
  return stay(
    dropped.state,
    { kind: "engine-clear-pending" },
    persist(dropped.state),
    ...dropped.effects,
  );
}

/** The engine refuses to make the commit: its state does not fit the room any more. */
export function onCommitFailed(state: RoomState, code: string): RoomStep {
  return code === "engine.trapped"
    ? stop(state, "ERR_ROOM_STOPPED", "the group engine has failed: open the client again")
    : retryLater({ ...state, wantsRenewal: false });
}
