import type {
  Clock,
  Ed25519Verify,
  EpochMs,
  Random,
  Sealed,
  SecretBytes,
  Sha256,
  Sha256Stream,
} from "@cloister/base";
import type { MemberEngine, MemberEngineOptions } from "@cloister/group-engine/types";
import type { UserNkey } from "@cloister/proto";

/** What a port may answer at once or later; callers always `await`. */
export type MaybePromise<T> = T | Promise<T>;

/* ---------------------------------------------------------------- store -- */

/** Printable ASCII, segments joined by `/`, at most {@link import("./limits.ts").MAX_STORE_KEY_CHARS}. */
export type StoreKey = string;

export interface StoreRow {
  readonly key: StoreKey;
  readonly value: Sealed;
}

export interface StoreWrites {
  readonly puts: readonly StoreRow[];
  readonly deletes: readonly StoreKey[];
}

export interface StoreQuery {
  readonly prefix: string;
  /** Exclusive: only keys greater than this. */
  readonly after?: StoreKey | undefined;
  /** At most so many rows. */
  readonly limit: number;
}

/**
 * Sealed values under plain keys, one client at a time: the adapter holds an exclusive lock from
 * opening to closing. Values are made by client-core alone; an adapter calls `assertSealed` on each
 * before it writes, so that plaintext throws.
 */
export interface StorePort extends AsyncDisposable {
  get(key: StoreKey): MaybePromise<Sealed | undefined>;
  /** Ascending by the bytes of the key. */
  list(query: StoreQuery): MaybePromise<readonly StoreRow[]>;
  /**
   * All or nothing, in the order deletes, puts; safe on disk when it answers. A synchronous adapter
   * answers nothing and saves a turn of the event loop.
   */
  transaction(writes: StoreWrites): MaybePromise<void>;
}

/* ------------------------------------------------------------ transport -- */

export type ConnectionState =
  | { readonly kind: "connected" }
  | { readonly kind: "disconnected"; readonly reason: string }
  | { readonly kind: "closed"; readonly reason: string };

export interface ConnectionOptions {
  readonly urls: readonly string[];
  /** SHA-256 of the DER of the box's CA, if an invitation or the operator pinned one. */
  readonly caSha256: Uint8Array | undefined;
  readonly nkey: UserNkey;
  /** Asked at each connect and reconnect. */
  credentials(): Promise<{ readonly jwt: string }>;
  /** Ed25519 by the device's nkey over what the server chose. */
  signNonce(nonce: Uint8Array): MaybePromise<Uint8Array>;
  onState(state: ConnectionState): void;
}

export interface TransportPort {
  /** Answers with a connection that is up, and brings it back up by itself afterwards. */
  connect(options: ConnectionOptions): Promise<Connection>;
}

/** One record for a room's subject. */
export interface OutgoingRecord {
  readonly payload: Uint8Array;
  /** `Nats-Msg-Id`: 32 hex digits. */
  readonly messageId: string;
}

/**
 * Records of one room in order. One goes as a plain publish, several as one atomic batch
 * (`Nats-Batch-*`): all stored or none.
 */
export interface PublishBatch {
  readonly subject: string;
  readonly records: readonly OutgoingRecord[];
  /** `Nats-Expected-Last-Subject-Sequence`, of {@link fenceSubject}. */
  readonly fenceSequence: bigint;
  /** `Nats-Expected-Last-Subject-Sequence-Subject`. */
  readonly fenceSubject: string;
  readonly timeoutMs: number;
}

export type PublishOutcome =
  /** Safe on the server's disk; the stream sequence of each record, in order. */
  | { readonly kind: "stored"; readonly sequences: readonly bigint[] }
  /** 10071: the room has moved on; nothing was stored. */
  | { readonly kind: "stale-fence" }
  /** PubAck `duplicate`, or 10201 for a batch: some record with this id was stored before. */
  | { readonly kind: "duplicate" }
  /** `maximum bytes exceeded` and the like: nothing was stored, and nothing will be until there is room. */
  | { readonly kind: "stream-full" }
  /** Permissions violation. */
  | { readonly kind: "denied" }
  /** No answer: stored or not, nobody knows. */
  | { readonly kind: "timeout" }
  /** The connection went down: stored or not, nobody knows. */
  | { readonly kind: "disconnected" }
  | { readonly kind: "refused"; readonly code: string; readonly text: string };

export interface OutgoingChunk {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly messageId: string;
  readonly timeoutMs: number;
}

export type ChunkOutcome =
  | { readonly kind: "stored" }
  /** 10071 with expected 0: the subject holds a chunk already. */
  | { readonly kind: "exists" }
  | { readonly kind: "stream-full" }
  | { readonly kind: "denied" }
  | { readonly kind: "timeout" }
  | { readonly kind: "disconnected" }
  | { readonly kind: "refused"; readonly code: string; readonly text: string };

/** A record as the inbox delivers it. */
export interface DeliveredRecord {
  readonly subject: string;
  /** Sequence in the org's ROOMS stream. */
  readonly sequence: bigint;
  readonly payload: Uint8Array;
}

export interface InboxOptions {
  readonly stream: string;
  readonly consumer: string;
  /** At most this much is fetched ahead of `next`. */
  readonly maxAheadBytes: number;
}

export interface InboxPage {
  /** In stream order. */
  readonly records: readonly DeliveredRecord[];
  /** True if nothing more waited on the server when the last of these was delivered (pending 0). */
  readonly isDrained: boolean;
  /** The inbox was closed, or its consumer is gone and has to be opened anew: the last page. */
  readonly isEnded: boolean;
}

export interface Inbox extends AsyncDisposable {
  /**
   * What has arrived; waits for at least one record. The first page comes at once even if nothing
   * waits on the server: then it has no records and is drained.
   */
  next(): Promise<InboxPage>;
  /** Explicit ack of each, after it is safe here. Need not wait. */
  ack(records: readonly DeliveredRecord[]): void;
}

export interface Connection extends AsyncDisposable {
  /** Throws a CloisterError of kind Timeout or Transport; the answer is an encoded `Reply`. */
  request(call: {
    readonly subject: string;
    readonly payload: Uint8Array;
    readonly timeoutMs: number;
  }): Promise<Uint8Array>;
  /** Never throws. Publishes of one connection reach the server in the order of the calls. */
  publish(batch: PublishBatch): Promise<PublishOutcome>;
  /** With `Nats-Expected-Last-Subject-Sequence: 0`. Never throws. */
  publishChunk(chunk: OutgoingChunk): Promise<ChunkOutcome>;
  /** DIRECT.GET of the subject's last message; undefined if there is none. */
  getChunk(query: {
    readonly subject: string;
    readonly timeoutMs: number;
  }): Promise<Uint8Array | undefined>;
  openInbox(options: InboxOptions): Promise<Inbox>;
  /** Leaves and comes back with fresh credentials. */
  reconnect(): Promise<void>;
}

/* ----------------------------------------------------------------- http -- */

export interface HttpRequest {
  /** `https://host:port`, without a path. */
  readonly baseUrl: string;
  /** `/v1/<Method>`. */
  readonly path: string;
  readonly body: Uint8Array;
  readonly caSha256: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
}

/** POST of `application/x-protobuf` over TLS 1.3. Throws a CloisterError of kind Transport or Timeout. */
export interface HttpPort {
  post(request: HttpRequest): Promise<{ readonly status: number; readonly body: Uint8Array }>;
}

/* --------------------------------------------------------- clock, crypto -- */

export interface ClockPort extends Clock {
  now(): EpochMs;
  /** Ends early, without throwing, when the signal is aborted. */
  wait(delayMs: number, signal?: AbortSignalLike): Promise<void>;
}

/** The part of AbortSignal that both platforms and the simulator have. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** An AES-256-GCM key that the platform holds. Nonce 12 bytes, tag 16 bytes at the end. */
export interface AeadKey {
  seal(message: AeadMessage): MaybePromise<Uint8Array>;
  /** Throws if the tag does not fit. */
  open(message: AeadMessage): MaybePromise<Uint8Array>;
}

export interface AeadMessage {
  readonly nonce: Uint8Array;
  /** Plaintext to seal, or ciphertext and tag to open. */
  readonly data: Uint8Array;
  readonly aad?: Uint8Array | undefined;
}

/** Several segments at once: one chunk of a file. The default seals one after the other. */
export interface SegmentsJob {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 12 bytes; segment k takes this XOR k. */
  readonly baseNonce: Uint8Array;
  readonly firstSegment: number;
  /** Whole segments; the last one of the job may be shorter. */
  readonly data: Uint8Array;
  /** The job holds the file's last segment, which is sealed even if nothing of `data` is left for it. */
  readonly endsFile?: boolean;
  /** Left free before the first sealed segment, for the header of chunk 0. */
  readonly prefixBytes?: number;
}

export interface CryptoPort {
  readonly sha256: Sha256;
  createSha256(): Sha256Stream;
  readonly verify: Ed25519Verify;
  /** RFC 8032 §5.1.5, from a 32-byte seed. */
  ed25519PublicKey(seed: Uint8Array): Uint8Array;
  ed25519Sign(seed: Uint8Array, message: Uint8Array): MaybePromise<Uint8Array>;
  importAeadKey(key: Uint8Array): MaybePromise<AeadKey>;
  /** Platforms with threads pass their own; without it `importAeadKey` does the work. */
  readonly sealSegments?: ((job: SegmentsJob) => MaybePromise<Uint8Array>) | undefined;
  readonly openSegments?: ((job: SegmentsJob) => MaybePromise<Uint8Array>) | undefined;
}

/* --------------------------------------------------------------- engine -- */

/** Makes the group engine's member half; the adapter brings the compiled module. */
export type EnginePort = (options: MemberEngineOptions) => MaybePromise<MemberEngine>;

/* ---------------------------------------------------------------- files -- */

/** A file to be sent: read in pieces, twice if the upload is resumed. */
export interface FileSource {
  /** Last path segment only. */
  readonly name: string;
  readonly mediaType: string;
  readonly lengthBytes: number;
  /** Exactly `lengthBytes` from `offset`, or fewer at the end. */
  read(offset: number, lengthBytes: number): MaybePromise<Uint8Array>;
}

/** Where a file that is got goes. `write` calls ascend; `finish` after the hash was right. */
export interface FileSink {
  /** Bytes that an earlier, broken-off download left and that may be kept, 0 for none. */
  readonly resumeBytes: number;
  /** Reads back what is kept, for the hash. */
  read(offset: number, lengthBytes: number): MaybePromise<Uint8Array>;
  write(offset: number, bytes: Uint8Array): MaybePromise<void>;
  finish(): MaybePromise<void>;
  /** The content is wrong or was refused: remove it. */
  discard(): MaybePromise<void>;
}

/* ------------------------------------------------------------------ all -- */

/** Everything that differs between platforms, and in the simulator. */
export interface ClientPorts {
  readonly store: StorePort;
  /** 32 bytes: the key that every stored value is sealed under. Owned by the caller. */
  readonly storeKey: SecretBytes;
  readonly transport: TransportPort;
  readonly http: HttpPort;
  readonly clock: ClockPort;
  readonly random: Random;
  readonly crypto: CryptoPort;
  readonly engine: EnginePort;
}
