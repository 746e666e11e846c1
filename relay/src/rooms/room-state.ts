import type { PublicGroupView } from "@cloister/group-engine/types";

/** One accepted handshake and the group as it leaves it. */
export interface Tip {
  readonly index: number;
  /** SHA-256 of the encoded SignedHandshake. */
  readonly hash: Uint8Array;
  /** After the handshake. */
  readonly epoch: bigint;
  /** Public state after the handshake; never advanced in place. */
  readonly group: PublicGroupView;
  /** MLSMessage(GroupInfo) that came with it; empty in a tip that was read from a snapshot. */
  readonly groupInfo: Uint8Array;
  /** The log size that it names: a later one may not name less. */
  readonly logSize: number;
}

/** What the relay knows of a room. Immutable but for the groups, which their owner disposes. */
export interface RoomState {
  /** What the candidates start from; undefined until the first commit. */
  readonly settled: Tip | undefined;
  /** The handshakes of the newest epoch, in order: more than one while a void one is replaced. */
  readonly candidates: readonly Tip[];
  /** Stream sequence of each handshake by its index. */
  readonly sequences: readonly number[];
}

export const emptyRoom: RoomState = { settled: undefined, candidates: [], sequences: [] };

export function nextIndexOf(state: RoomState): number {
  return state.sequences.length;
}

export function lastSequenceOf(state: RoomState): number {
  return state.sequences.at(-1) ?? 0;
}

/** The newest handshake: what a joiner starts from. */
export function headOf(state: RoomState): Tip | undefined {
  return state.candidates.at(-1);
}

/** The groups that `next` no longer holds. */
export function droppedTips(before: RoomState, next: RoomState): Tip[] {
  const kept = new Set(tipsOf(next));
  return tipsOf(before).filter((tip) => !kept.has(tip));
}

export function tipsOf(state: RoomState): Tip[] {
  return [...(state.settled === undefined ? [] : [state.settled]), ...state.candidates];
}

/** How a handshake follows: beside the candidates, or upon one of them. */
export interface Successor {
  readonly parent: Tip;
  readonly replaces: boolean;
}

/** The state after `tip` was stored at `sequence`. */
export function withHandshake(
  state: RoomState,
  added: {
    readonly tip: Tip;
    /** Undefined for the creation. */
    readonly successor: Successor | undefined;
    readonly sequence: number;
  },
): RoomState {
  const { tip, successor } = added;
  const isReplacing = successor?.replaces === true;
  return {
    settled: isReplacing ? state.settled : successor?.parent,
    candidates: isReplacing ? [...state.candidates, tip] : [tip],
    sequences: [...state.sequences, added.sequence],
  };
}
