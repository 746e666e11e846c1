import { markVerified, type Verified } from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import type { OrgState } from "../state/org-state.ts";
import { isOwnerOver } from "../state/roles.ts";
import { roomScope } from "../state/scope.ts";
import { checkContext } from "./binding.ts";
import type { CreatedGroupFacts } from "./commit-facts.ts";
import type { HandshakeView } from "./handshake-query.ts";
import { entitlement } from "./leaf.ts";
import { type FrameQuery, type HandshakeFrame, verifyFrame } from "./verify-frame.ts";

export interface CreationQuery extends Omit<FrameQuery, "index"> {
  /** What the engine says of the record's GroupInfo and tree, which it has verified. */
  readonly group: CreatedGroupFacts;
}

/** Handshake 0: throws unless an owner over the room, a member himself, made its group with himself alone in it. */
export function verifyCreation(state: OrgState, query: CreationQuery): Verified<HandshakeView> {
  const frame = verifyFrame(state, { ...query, index: 0 });
  checkShape(frame);
  const { envelope, room, signer, checkpoint } = frame;
  checkContext(state, room, { ...query.group.context, wantedEpoch: 0n });
  checkCreator(state, frame, query.group);
  return markVerified({
    kind: "creation",
    room: query.room,
    index: 0,
    hash: envelope.hash,
    epoch: 0n,
    account: signer.certificate.account,
    device: signer.certificate.device,
    checkpoint,
    added: [],
    removed: [],
  });
}

function checkShape({ envelope: { message } }: HandshakeFrame): void {
  const absent = [message.commit, message.welcome, message.grant, message.refuses];
  const isWhole = message.ratchetTree.length > 0 && absent.every(({ length }) => length === 0);
  if (!isWhole || message.epoch !== 0n) {
    throw rulesErrors.ERR_HANDSHAKE_SHAPE("a creation is a GroupInfo and a tree");
  }
}

function checkCreator(state: OrgState, frame: HandshakeFrame, group: CreatedGroupFacts): void {
  const { certificate } = frame.signer;
  const { account } = certificate;
  const { room } = frame.room;
  const { size: at, timeMs } = frame.checkpoint;
  const [leaf] = group.members;
  if (leaf === undefined || group.members.length !== 1) {
    throw rulesErrors.ERR_HANDSHAKE_SENDER("a room begins with its creator alone");
  }
  const verdict = entitlement(state, { room, leaf, at, timeMs });
  const isOwn = verdict.entitled && verdict.identity.device === certificate.device;
  if (!isOwn || !isOwnerOver(state, { account, scope: roomScope(room), at })) {
    throw rulesErrors.ERR_HANDSHAKE_SENDER("a room's group is made by the device of its owner");
  }
}
