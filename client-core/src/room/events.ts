import type { ErrorReport, MessageId } from "@cloister/base";
import type {
  CommitBundle,
  CreatedGroup,
  GroupContextView,
  GroupMember,
  OpenedMessage,
  StagedCommit,
} from "@cloister/group-engine/types";
import type { roomsV1 } from "@cloister/proto";
import type { DeliveredRecord, PublishOutcome } from "../ports.ts";
import type { PendingHandshake } from "./state.ts";

/** What one record came to in the engine. */
export type OpenResult =
  | { readonly kind: "opened"; readonly opened: OpenedMessage }
  | { readonly kind: "refused"; readonly code: string };

export interface GroupSnapshot {
  readonly epoch: bigint;
  readonly members: readonly GroupMember[];
  readonly ownLeaf: number;
  readonly authenticator: Uint8Array;
  readonly isActive: boolean;
}

export type TickTag = "retry" | "confirm" | "fence";

/** Everything that can happen to a room. */
export type RoomEvent =
  /** Somebody wants to be in it. */
  | { readonly kind: "wanted" }
  | { readonly kind: "online" }
  | { readonly kind: "offline" }
  /** The inbox has brought all that the server held: one's own records are known. */
  | { readonly kind: "drained" }
  /** The log was looked at, and grew or not. */
  | { readonly kind: "log-checked" }
  | { readonly kind: "log-failed" }
  | {
      readonly kind: "send";
      readonly rows: readonly OutgoingRow[];
      /** What of it names this person or the room: known here at once. */
      readonly profile?: roomsV1.Profile | undefined;
      readonly file?: roomsV1.FileManifest | undefined;
    }
  | { readonly kind: "renew" }
  | { readonly kind: "records"; readonly records: readonly DeliveredRecord[] }
  | { readonly kind: "opened"; readonly results: readonly OpenResult[] }
  | { readonly kind: "sealed"; readonly records: readonly SealedRecord[] }
  | {
      readonly kind: "published";
      readonly messageId: string;
      /** A new random id, should this one be taken. */
      readonly freshId: string;
      readonly outcome: PublishOutcome;
    }
  | {
      readonly kind: "handshakes";
      readonly fromIndex: bigint;
      readonly records: readonly Uint8Array[];
    }
  | { readonly kind: "handshakes-failed" }
  | { readonly kind: "staged"; readonly staged: StagedCommit }
  | { readonly kind: "stage-failed"; readonly code: string }
  | { readonly kind: "merged"; readonly group: GroupSnapshot }
  | { readonly kind: "looked"; readonly group: GroupSnapshot }
  | { readonly kind: "commit-made"; readonly bundle: CommitBundle }
  | { readonly kind: "commit-failed"; readonly code: string }
  | { readonly kind: "created"; readonly made: CreatedGroup; readonly group: GroupSnapshot }
  | {
      readonly kind: "joined";
      readonly bundle: CommitBundle;
      readonly group: GroupSnapshot;
      readonly context: GroupContextView;
    }
  | { readonly kind: "join-failed"; readonly code: string }
  | { readonly kind: "join-prepared"; readonly key: RoomKey }
  | { readonly kind: "not-created" }
  | { readonly kind: "join-refused"; readonly report: ErrorReport }
  | { readonly kind: "signed"; readonly pending: PendingHandshake }
  /** The relay's answers name what was handed to it: by the time they come it may be another. */
  | {
      readonly kind: "appended";
      readonly record: Uint8Array;
      readonly index: bigint;
      readonly fenceSequence: bigint;
    }
  | {
      readonly kind: "append-refused";
      readonly record: Uint8Array;
      readonly report: ErrorReport;
    }
  | { readonly kind: "tick"; readonly tag: TickTag };

export interface OutgoingRow {
  readonly items: Uint8Array;
  readonly ids: readonly MessageId[];
}

export interface SealedRecord {
  /** Encoded RoomRecord. */
  readonly payload: Uint8Array;
  readonly digest: Uint8Array;
  /** Random, 32 hex digits. */
  readonly messageId: string;
}

/** What the relay gave against a grant. */
export interface RoomKey {
  /** Encoded Signed "grant". */
  readonly grant: Uint8Array;
  readonly groupInfo: Uint8Array;
  readonly ratchetTree: Uint8Array;
  readonly epoch: bigint;
  readonly index: bigint;
  readonly handshakeHash: Uint8Array;
}
