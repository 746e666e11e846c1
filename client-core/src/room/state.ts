import type { AccountId, DeviceId, ErrorReport, MessageId, RoomId, Verified } from "@cloister/base";
import type { GroupMember } from "@cloister/group-engine/types";
import type { HandshakeView } from "@cloister/rules";
import type { WaitReason } from "../client-types.ts";
import type { SenderChain } from "../inbox/chain.ts";
import { zeroHash } from "../inbox/chain.ts";
import type { DeliveredRecord } from "../ports.ts";
import type { StoredHeader } from "../store/frame.ts";
import type { RoomKey } from "./events.ts";

/** Where the room's group stands for this device. */
export interface GroupPoint {
  /** Highest handshake index that was looked at, void ones included. */
  readonly index: bigint;
  /** Of the last handshake that counts: SHA-256 of the encoded SignedHandshake. */
  readonly hash: Uint8Array;
  readonly epoch: bigint;
  /** Log size of the last handshake that counts: never falls. */
  readonly logSize: number;
  /** One's own leaf: what a resync removes. */
  readonly ownLeaf: number;
  /** Handshakes of this epoch that did not verify: what a further one may name. */
  readonly refused: readonly Uint8Array[];
}

export type DurablePhase = "absent" | "joining" | "confirming" | "active" | "removed" | "stopped";

export type PendingKind = "create" | "join" | "commit";

/** A handshake of one's own whose fate at the relay is open. Resent as it is after a restart. */
export interface PendingHandshake {
  readonly kind: PendingKind;
  readonly index: bigint;
  /** Log size that its binding names. */
  readonly logSize: number;
  /** Encoded SignedHandshake. */
  readonly record: Uint8Array;
}

/** What survives a restart, in the room's own row. */
export interface Durable {
  readonly phase: DurablePhase;
  readonly stopped: { readonly code: string; readonly text: string } | undefined;
  readonly group: GroupPoint | undefined;
  /** Never joined below this again (rule 10). */
  readonly rememberedEpoch: bigint;
  /** Everything up to this sequence is safe here. */
  readonly position: bigint;
  /** Last sequence of the fence subject, junk included. */
  readonly fenceSequence: bigint;
  readonly ownCounter: bigint;
  readonly ownHash: Uint8Array;
  readonly nextRow: number;
  /** Own records that are acknowledged and have not come by in the inbox yet. */
  readonly ownAhead: readonly bigint[];
  /** SHA-256 of one's own newest records on the server: should they be there twice. */
  readonly recentOwn: readonly Uint8Array[];
  /** Authenticators of the newest epochs since the join: what a confirmation is held against. */
  readonly authenticators: readonly EpochAuthenticator[];
  readonly confirmDue: ConfirmDue | undefined;
  readonly pending: PendingHandshake | undefined;
  readonly sentName: string | undefined;
  readonly setAside: number;
  readonly skipped: number;
  /** The device's state is known to be lost or copied: join anew before anything is sealed. */
  readonly mustResync: boolean;
  /** Fields of a newer version, written back as they came. */
  readonly unknown: StoredHeader;
}

export interface EpochAuthenticator {
  readonly epoch: bigint;
  readonly value: Uint8Array;
}

/** Somebody of this account joined at this epoch and waits to hear from another account. */
export interface ConfirmDue {
  readonly epoch: bigint;
  readonly account: AccountId;
}

export interface QueueRow {
  readonly row: number;
  /** Encoded `items` of a Batch. */
  readonly items: Uint8Array;
  readonly itemBytes: number;
  readonly itemCount: number;
  readonly ids: readonly MessageId[];
}

/** A sealed record that is on its way. */
export interface Flight {
  readonly counter: bigint;
  readonly rows: readonly QueueRow[];
  /** The encoded Batch. */
  readonly batch: Uint8Array;
  readonly hash: Uint8Array;
  readonly epoch: bigint;
  /** Encoded RoomRecord. */
  readonly payload: Uint8Array;
  readonly digest: Uint8Array;
  /** `Nats-Msg-Id`. */
  readonly messageId: string;
  /** `held`: refused, waits for something before it goes again. */
  readonly state: "ready" | "flying" | "held";
  readonly tries: number;
}

export interface RoomNames {
  readonly room: string | undefined;
  /** As the account itself said it. */
  readonly own: ReadonlyMap<AccountId, string>;
  /** As others said it of the account. */
  readonly told: ReadonlyMap<AccountId, string>;
}

/** A relay's fence, as far as records go by it. */
export interface FenceSeen {
  readonly handshakeIndex: bigint;
  readonly handshakeHash: Uint8Array;
}

/** Classified records that are opened together and stored in one transaction. */
export interface Run {
  readonly entries: readonly RunEntry[];
}

export type RunEntry =
  | { readonly kind: "sealed"; readonly record: DeliveredRecord; readonly message: Uint8Array }
  | { readonly kind: "own"; readonly record: DeliveredRecord; readonly message: Uint8Array }
  | { readonly kind: "junk"; readonly record: DeliveredRecord; readonly isFence: boolean };

/** What the room is in the middle of; the backlog waits for it. */
export type Work =
  | { readonly kind: "idle" }
  | { readonly kind: "opening"; readonly run: Run }
  | {
      readonly kind: "fence";
      readonly record: DeliveredRecord;
      readonly target: bigint;
      readonly targetHash: Uint8Array;
      /** Encoded SignedHandshakes still to be looked at, the next one first; undefined: being fetched. */
      readonly rest: readonly Uint8Array[] | undefined;
    };

export interface RoomState {
  readonly room: RoomId;
  readonly durable: Durable;
  readonly names: RoomNames;
  readonly chains: ReadonlyMap<DeviceId, SenderChain>;
  readonly queue: readonly QueueRow[];
  readonly flights: readonly Flight[];
  readonly roster: readonly GroupMember[];
  readonly backlog: readonly DeliveredRecord[];
  readonly work: Work;
  /** Somebody asked for this room since the client was opened. */
  readonly isWanted: boolean;
  /** A join is being prepared or made. */
  readonly isJoining: boolean;
  /** A handshake that stands, while the engine merges it. */
  readonly merging: Verified<HandshakeView> | undefined;
  /** What the relay gave for the join that is being made. */
  readonly joinKey: RoomKey | undefined;
  /** Where the relay put an own join or creation. */
  readonly appended: { readonly index: bigint; readonly fenceSequence: bigint } | undefined;
  /** Why the last try to join was refused. */
  readonly joinRefusal: ErrorReport | undefined;
  /** A look at the log is under way before something is sealed. */
  readonly isFetchingLog: boolean;
  /** An own handshake is with the relay. */
  readonly isAppending: boolean;
  /** A self-update was asked for. */
  readonly wantsRenewal: boolean;
  /** Why nothing goes out, where the phase does not say it. */
  readonly hindrance: WaitReason | undefined;
  /** The fence sequence that the newest publishes expected. */
  readonly launchedAt: bigint;
  /** The one that the server refused: nothing is published until another has come. */
  readonly refusedFence: bigint | undefined;
  readonly retryMs: number;
  readonly isRetrying: boolean;
}

export function newDurable(): Durable {
  return {
    phase: "absent",
    stopped: undefined,
    group: undefined,
    rememberedEpoch: 0n,
    position: 0n,
    fenceSequence: 0n,
    ownCounter: 0n,
    ownHash: zeroHash,
    nextRow: 1,
    ownAhead: [],
    recentOwn: [],
    authenticators: [],
    confirmDue: undefined,
    pending: undefined,
    sentName: undefined,
    setAside: 0,
    skipped: 0,
    mustResync: false,
    unknown: {},
  };
}

export function newRoomState(room: RoomId): RoomState {
  return {
    room,
    durable: newDurable(),
    names: { room: undefined, own: new Map(), told: new Map() },
    chains: new Map(),
    queue: [],
    flights: [],
    roster: [],
    backlog: [],
    work: { kind: "idle" },
    isWanted: false,
    isJoining: false,
    merging: undefined,
    joinKey: undefined,
    appended: undefined,
    joinRefusal: undefined,
    isFetchingLog: false,
    isAppending: false,
    wantsRenewal: false,
    hindrance: undefined,
    launchedAt: 0n,
    refusedFence: undefined,
    retryMs: 0,
    isRetrying: false,
  };
}
