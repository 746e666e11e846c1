/**
 * The group engine's contract (RFC 9420 words throughout).
 *
 * Bytes are `Uint8Array`, epochs are `bigint` (u64), leaf indices and sizes are
 * `number`. Every call is synchronous and throws `EngineError` with a stable
 * `code` (see errors.ts). Nothing here knows rules, roles or the network: the
 * engine says what a commit IS, `rules/` says whether it may be.
 */

/**
 * The compiled engine: the `.wasm` bytes, or what `WebAssembly.compile` made of
 * them (share one compiled module between instances). Typed `object` because
 * the pure packages have no DOM types.
 */
export type EngineModule = Uint8Array | object;

/**
 * Ports with platform defaults; the simulator passes seeded ones. There is no
 * clock: inside the engine time stands still (expiry counts in log time), and
 * leaf lifetimes are unlimited.
 */
export interface EnginePorts {
  /** Fills the array with cryptographic randomness. Default: `crypto.getRandomValues`. */
  readonly fillRandom?: (target: Uint8Array) => void;
}

/** One occupied leaf of a group. */
export interface GroupMember {
  readonly leafIndex: number;
  /** Identity of the MLS basic credential: for Cloister the device certificate chain. */
  readonly credential: Uint8Array;
  /** The leaf's Ed25519 public key, 32 bytes. */
  readonly signatureKey: Uint8Array;
}

/** Whose leaf it is, without a place in a tree. */
export interface LeafIdentity {
  readonly credential: Uint8Array;
  readonly signatureKey: Uint8Array;
}

export interface AddedLeaf extends LeafIdentity {
  /** RFC 9420 §5.2 KeyPackageRef: names the one-time package that was used. */
  readonly keyPackageRef: Uint8Array;
}

/** RFC 9420 §12.1; anything newer or private is `unknown`, which rules refuse. */
export type ProposalKind =
  | "add"
  | "update"
  | "remove"
  | "pre-shared-key"
  | "re-init"
  | "external-init"
  | "group-context-extensions"
  | "unknown";

export interface ProposalSummary {
  readonly kind: ProposalKind;
  /** True if the commit names it by reference (a standalone proposal was sent before). */
  readonly byReference: boolean;
}

/** What the GroupContext of an epoch says (RFC 9420 §8.1). */
export interface GroupContextView {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly treeHash: Uint8Array;
  readonly confirmedTranscriptHash: Uint8Array;
  /** The bytes of extension 0xF0C1: org, room, rules version; empty if it is missing. */
  readonly contextExtension: Uint8Array;
  /**
   * True unless the context's extensions are exactly 0xF0C1 and the engine's
   * required capabilities: then there may be external senders and the like.
   */
  readonly foreignExtensions: boolean;
}

/**
 * What a commit does, the same for members and for the relay: the input of the
 * one pure validity function in `rules/`. Signature, tree, parent hashes and
 * epoch have been verified by the engine before this exists. The confirmation
 * tag and membership tag have been verified by members ONLY.
 */
export interface CommitSummary {
  readonly groupId: Uint8Array;
  /** The epoch the commit was made in; it leads to `epoch + 1n`. */
  readonly epoch: bigint;
  readonly senderKind: "member" | "external";
  /** The committer's leaf; for an external commit the leaf it takes. */
  readonly senderLeafIndex: number;
  /** The committer's leaf as the commit leaves it. */
  readonly sender: LeafIdentity;
  /** The committer's leaf before the commit; undefined for external commits. */
  readonly senderBefore: LeafIdentity | undefined;
  readonly adds: readonly AddedLeaf[];
  /** Each with the identity that held the leaf before the commit, by leaf index. */
  readonly removes: readonly GroupMember[];
  /** All of them, sorted by kind: their order in the commit means nothing. */
  readonly proposals: readonly ProposalSummary[];
  /** False means a member removed by it could still read: void (DESIGN rule 8). */
  readonly hasPath: boolean;
  /** True for a pure self-update: a path, no proposals, a member's commit. */
  readonly updatesOwnLeafOnly: boolean;
  /** True if a group-context-extensions proposal changed 0xF0C1 or anything else there. */
  readonly contextChanged: boolean;
  /**
   * The context after the commit (epoch + 1). On the very device that the commit
   * removes, `treeHash` and `confirmedTranscriptHash` are empty: it cannot know them.
   */
  readonly contextAfter: GroupContextView;
  readonly contextExtensionBefore: Uint8Array;
  /** The framed authenticated data, as received. */
  readonly aad: Uint8Array;
  /** Verified by members, carried as a claim by the public engine. */
  readonly confirmationTag: Uint8Array;
}

/** A key of the engine's store. Opaque, except for `groupIdOfStoreKey`. */
export type StoreKey = Uint8Array;

export interface StoreEntry {
  readonly key: StoreKey;
  /** Holds secrets in the member build: seal before it reaches a disk. */
  readonly value: Uint8Array;
}

/** Everything since the last `commitWrites`, one entry a key, the last value only. */
export interface WriteSet {
  readonly puts: readonly StoreEntry[];
  readonly deletes: readonly StoreKey[];
}

/**
 * What a committer publishes as one unit. The tree of the epoch after is not in
 * it: the relay has it from its own public group, members by `exportTree`.
 */
export interface CommitBundle {
  /** MLSMessage(PublicMessage): to the relay. */
  readonly commit: Uint8Array;
  /** MLSMessage(Welcome), when the commit adds somebody. */
  readonly welcome: Uint8Array | undefined;
  /** MLSMessage(GroupInfo) of the epoch after, without a tree: "the room's public key". */
  readonly groupInfo: Uint8Array;
  readonly summary: CommitSummary;
}

export interface CreateGroupOptions {
  /** 32 random bytes, fixed by RoomCreated. */
  readonly groupId: Uint8Array;
  readonly contextExtension: Uint8Array;
}

export interface CreatedGroup {
  readonly groupInfo: Uint8Array;
  readonly ratchetTree: Uint8Array;
}

export interface CommitOptions {
  readonly groupId: Uint8Array;
  /** KeyPackages as `keyPackage()` made them; verified before use. At most `MAX_ADDS`. */
  readonly adds?: readonly Uint8Array[];
  /** Leaf indices. Never one's own. */
  readonly removes?: readonly number[];
  /** New bytes for extension 0xF0C1. */
  readonly contextExtension?: Uint8Array;
  /** New identity for the own leaf (a renewed device certificate chain). */
  readonly credential?: Uint8Array;
  readonly aad: Uint8Array;
}

export interface ExternalJoinOptions {
  readonly groupInfo: Uint8Array;
  readonly ratchetTree: Uint8Array;
  readonly aad: Uint8Array;
  /**
   * Resync: the leaf of this same device, which the commit removes. It must hold
   * this engine's signature key. Leaving it out while such a leaf exists is
   * refused (`group.resync-required`), naming another leaf too.
   */
  readonly resyncLeafIndex?: number;
}

export interface WelcomeOptions {
  readonly welcome: Uint8Array;
  readonly ratchetTree: Uint8Array;
}

export interface JoinedGroup {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly ownLeafIndex: number;
}

export interface StagedCommit {
  /** True for the echo of one's own pending commit: `mergeStaged` then merges that. */
  readonly own: boolean;
  /** True if the commit removes this device. After the merge the group is inactive. */
  readonly removesOwnLeaf: boolean;
  /** Shown to members before they merge; equal on all who accept the same commit. */
  readonly epochAuthenticatorAfter: Uint8Array | undefined;
  readonly summary: CommitSummary;
}

export interface SealOptions {
  readonly groupId: Uint8Array;
  /** Padded in length classes by the caller. */
  readonly plaintext: Uint8Array;
  readonly aad: Uint8Array;
}

export interface OpenedMessage {
  readonly plaintext: Uint8Array;
  readonly senderLeafIndex: number;
  readonly senderCredential: Uint8Array;
  readonly senderSignatureKey: Uint8Array;
  readonly epoch: bigint;
  readonly aad: Uint8Array;
}

export interface OneTimeKeyPackage {
  /** MLSMessage(KeyPackage). Its private halves are in the store until a Welcome uses them. */
  readonly keyPackage: Uint8Array;
  readonly ref: Uint8Array;
}

export interface KeyPackageView extends AddedLeaf {
  readonly suite: number;
  readonly lastResort: boolean;
}

export type MessageKind =
  | "commit"
  | "proposal"
  | "application"
  | "welcome"
  | "group-info"
  | "key-package";

/** Read off a message without any state, UNVERIFIED: for routing, never for deciding. */
export interface MessageView {
  readonly kind: MessageKind;
  /** `public` and `private` frame commits, proposals and applications. */
  readonly wireFormat: "public" | "private" | "other";
  /** Undefined for Welcome and KeyPackage. */
  readonly groupId: Uint8Array | undefined;
  readonly epoch: bigint | undefined;
  /** Undefined where the format has none. */
  readonly aad: Uint8Array | undefined;
}

export interface MemberEngineOptions extends EnginePorts {
  /** Seed of the MLS leaf key (Ed25519, 32 bytes). Copied; wipe yours afterwards. */
  readonly leafSecretSeed: Uint8Array;
  readonly credential: Uint8Array;
}

export interface ExportSecretOptions {
  readonly groupId: Uint8Array;
  readonly label: string;
  readonly context: Uint8Array;
  readonly lengthBytes: number;
}

/**
 * One device, several groups. Order of use: operation → `peekWrites` → one
 * store transaction → `commitWrites` → send. If anything fails between,
 * `rollback` undoes every write since the last `commitWrites` and reloads the
 * groups from the store. An `engine.trapped` error means: drop the instance,
 * make a new one, `restore` from the store.
 *
 * `commit` and `createGroup` and `stage` change no epoch until merged;
 * `externalJoin` merges at once in the engine: if the relay refuses it, call
 * `rollback` (before `commitWrites`) or `delete` (after).
 */
export interface MemberEngine extends Disposable {
  readonly signatureKey: Uint8Array;
  /** Puts stored entries back; call before `load`. Clears nothing, tracks nothing. */
  restore(entries: Iterable<StoreEntry>): void;
  /** Brings a group from the entries into memory. */
  load(groupId: Uint8Array): void;
  /** Takes it out of memory, entries too; the caller's store still has them. Refused with unwritten changes. */
  unload(groupId: Uint8Array): void;
  /** Deletes the group and its secrets (as tracked deletes). */
  delete(groupId: Uint8Array): void;
  groups(): Uint8Array[];

  peekWrites(): WriteSet;
  commitWrites(): void;
  rollback(): void;

  createGroup(options: CreateGroupOptions): CreatedGroup;
  keyPackage(): OneTimeKeyPackage;
  /** Forgets an unused key package's private halves. */
  deleteKeyPackage(ref: Uint8Array): void;
  joinWelcome(options: WelcomeOptions): JoinedGroup;
  externalJoin(options: ExternalJoinOptions): JoinedGroup & CommitBundle;

  /** Adds, removes, a context change or (with none of them) a self-update; always with a path. */
  commit(options: CommitOptions): CommitBundle;
  mergePending(groupId: Uint8Array): void;
  clearPending(groupId: Uint8Array): void;
  hasPending(groupId: Uint8Array): boolean;

  /** Verifies a received commit and holds it; one staged commit a group. */
  stage(groupId: Uint8Array, message: Uint8Array): StagedCommit;
  mergeStaged(groupId: Uint8Array): void;
  dropStaged(groupId: Uint8Array): void;

  seal(options: SealOptions): Uint8Array;
  /** A failing open leaves the ratchets as they were. */
  open(groupId: Uint8Array, message: Uint8Array): OpenedMessage;

  members(groupId: Uint8Array): GroupMember[];
  ownLeafIndex(groupId: Uint8Array): number;
  /** False once this device has been removed. */
  isActive(groupId: Uint8Array): boolean;
  epoch(groupId: Uint8Array): bigint;
  context(groupId: Uint8Array): GroupContextView;
  contextExtension(groupId: Uint8Array): Uint8Array;
  confirmedTranscriptHash(groupId: Uint8Array): Uint8Array;
  epochAuthenticator(groupId: Uint8Array): Uint8Array;
  exportSecret(options: ExportSecretOptions): Uint8Array;
  exportTree(groupId: Uint8Array): Uint8Array;
  exportGroupInfo(groupId: Uint8Array): Uint8Array;
  /** Sum of the group's stored values, for memory checks. */
  groupStateBytes(groupId: Uint8Array): number;
  /** Size of the WebAssembly memory: grows, never shrinks. */
  memoryBytes(): number;

  inspectKeyPackage(keyPackage: Uint8Array): KeyPackageView;
  peekMessage(message: Uint8Array): MessageView;
}

export interface PublicGroupOptions {
  readonly groupInfo: Uint8Array;
  readonly ratchetTree: Uint8Array;
}

/**
 * Follows one group from its public handshakes. It verifies signatures, epoch,
 * tree, parent hashes and proposal rules. It CANNOT verify the membership tag
 * and the confirmation tag (both need epoch secrets), nor that the path
 * secrets are encrypted to anybody: members find those, the relay never.
 */
export interface PublicGroupView extends Disposable {
  readonly groupId: Uint8Array;
  epoch(): bigint;
  context(): GroupContextView;
  /** The TLS bytes of the GroupContext. */
  groupContext(): Uint8Array;
  contextExtension(): Uint8Array;
  members(): GroupMember[];
  tree(): Uint8Array;
  /** Verifies a commit against this epoch and holds it. One at a time. */
  process(commit: Uint8Array): CommitSummary;
  merge(): void;
  drop(): void;
  /**
   * Checks a committer's GroupInfo against the staged commit if there is one
   * (then the committer must be the signer), else against the current state:
   * whole GroupContext (epoch, tree hash, confirmed transcript hash,
   * extensions), confirmation tag, signer, signature, and that its extensions
   * are an external_pub alone.
   */
  verifyGroupInfo(groupInfo: Uint8Array): void;
  serialize(): Uint8Array;
}

/** One instance, many public groups, no secret in it. */
export interface PublicEngine extends Disposable {
  fromGroupInfo(options: PublicGroupOptions): PublicGroupView;
  restore(serialized: Uint8Array): PublicGroupView;
  inspectKeyPackage(keyPackage: Uint8Array): KeyPackageView;
  peekMessage(message: Uint8Array): MessageView;
  memoryBytes(): number;
}
