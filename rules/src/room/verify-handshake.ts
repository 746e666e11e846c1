import { equalBytes, markVerified, type Verified } from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import { type OrgState, orgOf } from "../state/org-state.ts";
import { checkCommitBinding, checkContext } from "./binding.ts";
import { checkExternalCommit } from "./external-commit.ts";
import type { HandshakeQuery, HandshakeView } from "./handshake-query.ts";
import { checkMemberCommit } from "./member-commit.ts";
import { type HandshakeFrame, verifyFrame } from "./verify-frame.ts";

/**
 * The one function of a commit's validity (docs/protocol.md, Handshakes), the same for the relay and
 * for members. Throws why the handshake is void: see isVoidHandshake for what is no verdict.
 */
export function verifyHandshake(state: OrgState, query: HandshakeQuery): Verified<HandshakeView> {
  const frame = verifyFrame(state, query);
  checkShape(frame, query);
  checkFollows(frame, query);
  checkBound(state, frame, query);
  const context = { state, frame, ...query };
  if (query.commit.senderKind === "external") checkExternalCommit(context);
  const added = query.commit.senderKind === "member" ? checkMemberCommit(context) : [];
  const { envelope, signer, checkpoint } = frame;
  return markVerified({
    kind: query.commit.senderKind,
    room: query.room,
    index: envelope.index,
    hash: envelope.hash,
    epoch: query.commit.epoch + 1n,
    account: signer.certificate.account,
    device: signer.certificate.device,
    checkpoint,
    added,
    removed: query.commit.removes.map(({ leafIndex }) => leafIndex),
  });
}

/** What is in the record and what the commit does have to go together. */
function checkShape({ envelope: { message } }: HandshakeFrame, { commit }: HandshakeQuery): void {
  const isWhole =
    message.commit.length > 0 &&
    message.ratchetTree.length === 0 &&
    message.welcome.length > 0 === commit.adds.length > 0 &&
    message.grant.length > 0 === (commit.senderKind === "external");
  if (isWhole) return;
  if (commit.senderKind === "external" && message.grant.length === 0) {
    throw rulesErrors.ERR_HANDSHAKE_GRANT_MISSING("an external join carries a grant");
  }
  throw rulesErrors.ERR_HANDSHAKE_SHAPE("the record's parts do not fit what its commit does");
}

function checkFollows({ envelope, checkpoint }: HandshakeFrame, query: HandshakeQuery): void {
  const { previous, commit, rivals = [] } = query;
  const { epoch, refuses } = envelope.message;
  if (epoch !== previous.epoch || commit.epoch !== previous.epoch) {
    throw rulesErrors.ERR_HANDSHAKE_POSITION("a commit of another epoch");
  }
  if (checkpoint.size < previous.checkpoint.size) {
    throw rulesErrors.ERR_HANDSHAKE_LOG_SIZE_FELL("the log size fell within the room", {
      details: { previous: previous.checkpoint.size, shown: checkpoint.size },
    });
  }
  const isRefusal = rivals.some((rival) => equalBytes(rival, refuses));
  if (rivals.length === 0 ? refuses.length > 0 : !isRefusal) {
    throw rulesErrors.ERR_HANDSHAKE_REFUSES(
      "it refuses what does not stand before it, or fails to",
    );
  }
}

function checkBound(state: OrgState, frame: HandshakeFrame, query: HandshakeQuery): void {
  const { commit, previous } = query;
  const { room, checkpoint } = frame;
  const { grant } = frame.envelope.message;
  checkCommitBinding(commit.aad, {
    org: orgOf(state),
    room: room.room,
    rulesVersion: room.rulesVersion,
    previousHash: previous.hash,
    logSize: checkpoint.size,
    logRoot: checkpoint.root,
    grantHash: grant.length === 0 ? undefined : state.crypto.sha256(grant),
  });
  checkContext(state, room, { ...commit.contextAfter, wantedEpoch: commit.epoch + 1n });
  if (commit.contextChanged || !equalBytes(commit.groupId, commit.contextAfter.groupId)) {
    throw rulesErrors.ERR_HANDSHAKE_CONTEXT("a commit changes nothing of the context");
  }
  if (!commit.hasPath) throw rulesErrors.ERR_HANDSHAKE_PATH("a commit without a path");
}
