import type { AccountId, DeviceId, EpochMs, RoomId, Verified } from "@cloister/base";
import type { CheckpointView } from "../log/verify-checkpoint.ts";
import type { CommitFacts, RosterLeaf } from "./commit-facts.ts";
import type { LeafIdentity } from "./leaf.ts";

/** A handshake that stands: what relay and members may act on. */
export interface HandshakeView {
  readonly kind: "creation" | "member" | "external";
  readonly room: RoomId;
  readonly index: number;
  /** SHA-256 of the record: the next one names it. */
  readonly hash: Uint8Array;
  /** The epoch that it leads to. */
  readonly epoch: bigint;
  readonly account: AccountId;
  readonly device: DeviceId;
  readonly checkpoint: Verified<CheckpointView>;
  readonly added: readonly LeafIdentity[];
  /** Leaf indices that it empties. */
  readonly removed: readonly number[];
}

/** Where a room stands: what the next handshake has to follow. A HandshakeView has this shape. */
export interface RoomPosition {
  readonly hash: Uint8Array;
  readonly epoch: bigint;
  /** Of the log that it was made under. */
  readonly checkpoint: Pick<CheckpointView, "size">;
}

export interface HandshakeQuery {
  readonly room: RoomId;
  /** Encoded SignedHandshake. */
  readonly record: Uint8Array;
  /** The index that comes next in the room's handshakes. */
  readonly index: number;
  /** The last handshake that stands: the one to be followed. */
  readonly previous: RoomPosition;
  /**
   * Hashes of handshakes that were appended for this same epoch before, and do not stand here: the
   * record has to name one of them in `refuses`. Usually none.
   */
  readonly rivals?: readonly Uint8Array[] | undefined;
  /** What the engine says of the commit in this very record. */
  readonly commit: CommitFacts;
  /** Every leaf of the group before the commit. */
  readonly roster: readonly RosterLeaf[];
  /** The relay's clock, for a grant's minute. Members pass none. */
  readonly relayNowMs?: EpochMs | undefined;
}
