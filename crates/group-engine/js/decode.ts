import type { FrameReader } from "./frame.ts";
import type {
  AddedLeaf,
  CommitSummary,
  GroupContextView,
  GroupMember,
  KeyPackageView,
  LeafIdentity,
  MessageKind,
  MessageView,
  ProposalKind,
  ProposalSummary,
} from "./types.ts";

/** In the order of src/summary.rs. */
const proposalKinds: readonly ProposalKind[] = [
  "add",
  "update",
  "remove",
  "pre-shared-key",
  "re-init",
  "external-init",
  "group-context-extensions",
  "unknown",
];

/** In the order of src/inspect.rs. */
const messageKinds: readonly MessageKind[] = [
  "commit",
  "proposal",
  "application",
  "welcome",
  "group-info",
  "key-package",
];

const wireFormats: readonly MessageView["wireFormat"][] = ["public", "private", "other"];

export function readIdentity(frame: FrameReader): LeafIdentity {
  return { credential: frame.bytes(), signatureKey: frame.bytes() };
}

export function readMember(frame: FrameReader): GroupMember {
  return { leafIndex: frame.u32(), ...readIdentity(frame) };
}

function readAdded(frame: FrameReader): AddedLeaf {
  return { ...readIdentity(frame), keyPackageRef: frame.bytes() };
}

function readProposal(frame: FrameReader): ProposalSummary {
  return { kind: proposalKinds[frame.u32()] ?? "unknown", byReference: frame.flag() };
}

export function readContext(frame: FrameReader): GroupContextView {
  return {
    groupId: frame.bytes(),
    epoch: frame.u64(),
    treeHash: frame.bytes(),
    confirmedTranscriptHash: frame.bytes(),
    contextExtension: frame.bytes(),
    foreignExtensions: frame.flag(),
  };
}

/** Field order is that of `CommitFacts::write` in src/summary.rs. */
export function readSummary(frame: FrameReader): CommitSummary {
  const head = {
    groupId: frame.bytes(),
    epoch: frame.u64(),
    senderKind: frame.flag() ? ("external" as const) : ("member" as const),
    senderLeafIndex: frame.u32(),
    sender: readIdentity(frame),
    senderBefore: frame.flag() ? readIdentity(frame) : undefined,
    adds: frame.list(readAdded),
    removes: frame.list(readMember),
    proposals: frame.list(readProposal),
    hasPath: frame.flag(),
    contextAfter: readContext(frame),
    contextChanged: frame.flag(),
    contextExtensionBefore: frame.bytes(),
    aad: frame.bytes(),
    confirmationTag: frame.bytes(),
  };
  const isPure = head.senderKind === "member" && head.hasPath && head.proposals.length === 0;
  return { ...head, updatesOwnLeafOnly: isPure };
}

export function readKeyPackage(frame: FrameReader): KeyPackageView {
  return { ...readAdded(frame), suite: frame.u32(), lastResort: frame.flag() };
}

export function readMessageView(frame: FrameReader): MessageView {
  const kind = messageKinds[frame.u32()] ?? "proposal";
  const wireFormat = wireFormats[frame.u32()] ?? "other";
  const groupId = frame.optionalBytes();
  const hasEpoch = frame.flag();
  const epoch = frame.u64();
  return {
    kind,
    wireFormat,
    groupId,
    epoch: hasEpoch ? epoch : undefined,
    aad: frame.optionalBytes(),
  };
}
