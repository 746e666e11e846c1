import { equalBytes } from "@cloister/base";
import type { CommitSummary, PublicEngine, PublicGroupView } from "@cloister/group-engine/types";
import { parseMessage } from "@cloister/proto";
import { relayErrors } from "../errors.ts";
import { MAX_CANDIDATES } from "../limits.ts";
import type { HandshakeRecord } from "./handshake-record.ts";
import {
  nextIndexOf,
  type RoomState,
  type Successor,
  type Tip,
  withHandshake,
} from "./room-state.ts";

/**
 * Upon what a handshake builds: upon the candidate that its commit names, or, where it refuses one,
 * beside it; undefined for the creation. Throws the conflict that its author mends by fetching and making it anew.
 */
function successorOf(
  state: RoomState,
  record: HandshakeRecord,
  engine: PublicEngine,
): Successor | undefined {
  if (state.candidates.length === 0) {
    if (!record.isCreation) throw conflict(state, "the room's first handshake creates it");
    return undefined;
  }
  if (record.isCreation) throw conflict(state, "the room exists already");
  const refused = record.handshake.refuses;
  if (refused.length > 0) return replacementOf(state, refused);
  const previous = previousHash(record, engine);
  const parent = state.candidates.find(({ hash }) => equalBytes(hash, previous));
  if (parent === undefined) throw conflict(state, "another handshake came first");
  return { parent, replaces: false };
}

function replacementOf(state: RoomState, refused: Uint8Array): Successor {
  const isKnown = state.candidates.some(({ hash }) => equalBytes(hash, refused));
  if (!isKnown || state.settled === undefined) {
    throw conflict(state, "the refused handshake is not the newest");
  }
  if (state.candidates.length >= MAX_CANDIDATES) {
    throw conflict(state, "too many handshakes of one epoch refuse each other");
  }
  return { parent: state.settled, replaces: true };
}

function previousHash(record: HandshakeRecord, engine: PublicEngine): Uint8Array {
  const { aad } = engine.peekMessage(record.handshake.commit);
  if (aad === undefined) throw relayErrors.ERR_HANDSHAKE_MALFORMED("the commit names no room");
  return parseMessage("cloister.rooms.v1.CommitBinding", aad).previousHandshakeHash;
}

/** Typed, with what the loser needs: where the room stands. */
export function conflict(state: RoomState, reason: string): Error {
  const newest = state.candidates.at(-1);
  return relayErrors.ERR_HANDSHAKE_CONFLICT(reason, {
    details: {
      nextIndex: nextIndexOf(state),
      ...(newest === undefined ? {} : { epoch: String(newest.epoch) }),
    },
  });
}

/** A handshake applied to a copy of its parent's group, not merged yet. */
export type Step = CreationStep | CommitStep;

interface CreationStep {
  readonly kind: "creation";
  readonly group: PublicGroupView;
}

interface CommitStep {
  readonly kind: "commit";
  readonly successor: Successor;
  readonly group: PublicGroupView;
  readonly summary: CommitSummary;
}

/** Finds the handshake's place and does the engine's half of the check. The caller owns the group. */
export function stepHandshake(
  engine: PublicEngine,
  state: RoomState,
  record: HandshakeRecord,
): Step {
  const { commit, groupInfo, ratchetTree } = record.handshake;
  const successor = successorOf(state, record, engine);
  if (successor === undefined) {
    return { kind: "creation", group: engine.fromGroupInfo({ groupInfo, ratchetTree }) };
  }
  const group = engine.restore(successor.parent.group.serialize());
  try {
    const summary = group.process(commit);
    group.verifyGroupInfo(groupInfo);
    return { kind: "commit", successor, group, summary };
  } catch (error) {
    group[Symbol.dispose]();
    throw error;
  }
}

/** The room after a step was stored. */
export function afterStep(
  state: RoomState,
  step: Step,
  stored: { readonly record: HandshakeRecord; readonly sequence: number },
): RoomState {
  if (step.kind === "commit") step.group.merge();
  const { record, sequence } = stored;
  const tip: Tip = {
    index: record.index,
    hash: record.hash,
    epoch: step.group.epoch(),
    group: step.group,
    groupInfo: record.handshake.groupInfo,
    logSize: record.logSize,
  };
  const successor = step.kind === "commit" ? step.successor : undefined;
  return withHandshake(state, { tip, successor, sequence });
}
