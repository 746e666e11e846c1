/**
 * What the rules need to know of a commit and its group. The group engine's `CommitSummary`,
 * `GroupMember` and context views have these shapes; the rules depend on no engine.
 */
export interface LeafFacts {
  /** Identity of the leaf's basic credential: an encoded LeafCredential. */
  readonly credential: Uint8Array;
  readonly signatureKey: Uint8Array;
}

export interface RosterLeaf extends LeafFacts {
  readonly leafIndex: number;
}

export interface ProposalFacts {
  /** As RFC 9420 §12.1 names them: `add`, `remove`, `external-init`, … */
  readonly kind: string;
  readonly byReference: boolean;
}

export interface ContextFacts {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  /** The bytes of extension 0xF0C1: an encoded GroupBinding. */
  readonly contextExtension: Uint8Array;
  /** True if the context has extensions beyond 0xF0C1 and the required capabilities. */
  readonly foreignExtensions: boolean;
}

/** Of a commit whose signature, tree, parent hashes and epoch the engine has verified. */
export interface CommitFacts {
  readonly groupId: Uint8Array;
  /** The epoch that the commit was made in. */
  readonly epoch: bigint;
  readonly senderKind: "member" | "external";
  readonly senderLeafIndex: number;
  /** The committer's leaf as the commit leaves it. */
  readonly sender: LeafFacts;
  readonly senderBefore: LeafFacts | undefined;
  readonly adds: readonly LeafFacts[];
  readonly removes: readonly RosterLeaf[];
  readonly proposals: readonly ProposalFacts[];
  readonly hasPath: boolean;
  readonly contextChanged: boolean;
  readonly contextAfter: ContextFacts;
  readonly aad: Uint8Array;
}

/** Of a group that was just created. */
export interface CreatedGroupFacts {
  readonly context: ContextFacts;
  readonly members: readonly LeafFacts[];
}
