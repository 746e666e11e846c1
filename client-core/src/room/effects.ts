import type { MessageId, Verified } from "@cloister/base";
import type { roomsV1 } from "@cloister/proto";
import type { CheckpointView } from "@cloister/rules";
import type { RoomNotice } from "../client-types.ts";
import type { DeliveredRecord, StoreKey } from "../ports.ts";
import type { PlainRow } from "../store/seal-store.ts";
import type { TickTag } from "./events.ts";
import type { PendingKind } from "./state.ts";

/**
 * What a room wants done. The driver does the first group at once and in order, and feeds the answer
 * back before it looks at anything else: engine and store never disagree. The second group goes over
 * the network; its answers come as later events.
 */
export type RoomEffect =
  // At once.
  | { readonly kind: "engine-open"; readonly messages: readonly Uint8Array[] }
  | { readonly kind: "engine-seal"; readonly plaintexts: readonly Uint8Array[] }
  | { readonly kind: "engine-stage"; readonly commit: Uint8Array }
  | { readonly kind: "engine-merge-staged" }
  | { readonly kind: "engine-drop-staged" }
  | {
      readonly kind: "engine-commit";
      readonly removes: readonly number[];
      readonly aad: Uint8Array;
    }
  | { readonly kind: "engine-clear-pending" }
  | { readonly kind: "engine-create"; readonly contextExtension: Uint8Array }
  | {
      readonly kind: "engine-join";
      readonly groupInfo: Uint8Array;
      readonly ratchetTree: Uint8Array;
      readonly aad: Uint8Array;
      /** Own leaf of an earlier join. */
      readonly earlierLeaf: number | undefined;
    }
  /** How the group stands. */
  | { readonly kind: "engine-look" }
  /** Deletes the group's state, tracked. */
  | { readonly kind: "engine-forget" }
  /** Undoes what the engine did since the last `persist`. */
  | { readonly kind: "engine-rollback" }
  /** As type "handshake" by the device's statement key. */
  | {
      readonly kind: "sign-handshake";
      readonly handshake: roomsV1.Handshake;
      readonly as: { readonly kind: PendingKind; readonly logSize: number };
    }
  /** One transaction of these rows and everything that the engine has not written yet. */
  | {
      readonly kind: "persist";
      readonly puts: readonly PlainRow[];
      readonly deletes: readonly StoreKey[];
    }
  // Over the network.
  | { readonly kind: "fetch-log" }
  | { readonly kind: "fetch-handshakes"; readonly fromIndex: bigint }
  | { readonly kind: "append-handshake"; readonly record: Uint8Array }
  | { readonly kind: "prepare-join" }
  | {
      readonly kind: "publish";
      readonly payload: Uint8Array;
      readonly messageId: string;
      readonly fenceSequence: bigint;
    }
  | { readonly kind: "wait"; readonly delayMs: number; readonly tag: TickTag }
  // Told to whom it concerns.
  | { readonly kind: "ack"; readonly records: readonly DeliveredRecord[] }
  | {
      readonly kind: "stored";
      readonly ids: readonly MessageId[];
      readonly sequence: bigint;
      readonly resent: boolean;
    }
  | { readonly kind: "queued"; readonly ids: readonly MessageId[] }
  /** Readers look again. */
  | { readonly kind: "changed" }
  | { readonly kind: "notice"; readonly notice: RoomNotice }
  /** A head of the log that a member showed. */
  | { readonly kind: "saw-checkpoint"; readonly checkpoint: Verified<CheckpointView> }
  /** The server contradicted itself: stop everything, keep both. */
  | { readonly kind: "log-fork"; readonly text: string }
  /** The permissions have changed: ask the gateway. */
  | { readonly kind: "refresh-access" };

export interface Step<State> {
  readonly state: State;
  readonly effects: readonly RoomEffect[];
}
