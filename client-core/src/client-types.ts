import type {
  AccountId,
  DeviceId,
  EpochMs,
  FileId,
  InviteId,
  MessageId,
  OrgId,
  ProjectId,
  RoomId,
} from "@cloister/base";
import type { gatewayV1, statementsV1 } from "@cloister/proto";
import type { DeviceLink } from "./identity/setup-types.ts";
import type { AbortSignalLike, ClientPorts, FileSink, FileSource } from "./ports.ts";

export type Role = "user" | "owner";

/** Org, project or room that a role or a policy belongs to. */
export type ScopeRef =
  | { readonly kind: "org" }
  | { readonly kind: "project"; readonly project: ProjectId }
  | { readonly kind: "room"; readonly room: RoomId };

/** How far a message of one's own has come. */
export type MessageState =
  /** Sealed on this device's disk. */
  | { readonly kind: "queued" }
  /** Queued, and something must happen first. */
  | { readonly kind: "waiting"; readonly reason: WaitReason }
  /** Acknowledged by the server after fsync. `resent`: it took more than one try. */
  | { readonly kind: "stored"; readonly sequence: bigint; readonly resent: boolean };

export type WaitReason =
  | { readonly kind: "offline" }
  | { readonly kind: "not-admitted"; readonly hint: string }
  /** A device of another account must confirm the epoch (rule 10). */
  | { readonly kind: "confirmation"; readonly accounts: readonly AccountId[] }
  | { readonly kind: "stream-full" }
  | { readonly kind: "catching-up" };

export interface FileInfo {
  readonly id: FileId;
  readonly name: string;
  readonly mediaType: string;
  readonly lengthBytes: number;
  readonly sha256: Uint8Array;
}

export interface RoomMessage {
  readonly id: MessageId;
  readonly room: RoomId;
  readonly account: AccountId;
  readonly device: DeviceId;
  /** As the room knows it; undefined where no name has been learnt. */
  readonly personName: string | undefined;
  readonly sentAt: EpochMs;
  /** Opaque, ascending: pass as `after` to go on from here. */
  readonly position: string;
  readonly own: boolean;
  readonly body:
    | { readonly kind: "text"; readonly text: string }
    | { readonly kind: "file"; readonly file: FileInfo }
    /** From a newer client. */
    | { readonly kind: "unknown" };
}

/** Something that a person should know: shown by name, never dropped silently. */
export type RoomNotice =
  /** Rule 12: messages `from`…`to` of this device are missing. */
  | { readonly kind: "gap"; readonly device: DeviceId; readonly from: bigint; readonly to: bigint }
  /** What was missing has come. */
  | { readonly kind: "gap-closed"; readonly device: DeviceId; readonly counter: bigint }
  /** Two different batches with one counter, or a wrong hash of the one before. */
  | { readonly kind: "fork"; readonly device: DeviceId; readonly counter: bigint }
  /** A handshake that does not verify; the room goes on without it (rule 7). */
  | {
      readonly kind: "void-handshake";
      readonly device: DeviceId | undefined;
      readonly code: string;
    }
  /** A record that cannot be opened was set aside. */
  | { readonly kind: "set-aside"; readonly sequence: bigint; readonly code: string }
  | { readonly kind: "resynced" };

export type RoomPhase =
  | { readonly kind: "absent" }
  | { readonly kind: "joining" }
  | { readonly kind: "awaiting-confirmation"; readonly accounts: readonly AccountId[] }
  | { readonly kind: "active" }
  | { readonly kind: "catching-up" }
  | { readonly kind: "removed" }
  | { readonly kind: "stopped"; readonly code: string; readonly text: string };

export interface RoomStatus {
  readonly id: RoomId;
  readonly project: ProjectId;
  readonly name: string | undefined;
  readonly role: Role | undefined;
  readonly phase: RoomPhase;
  readonly epoch: bigint | undefined;
  readonly queuedMessages: number;
  readonly setAsideRecords: number;
  readonly skippedRecords: number;
}

export interface SentMessage {
  readonly id: MessageId;
  /** Settles when the server has it on its disk; rejects only if the client is closed before. */
  readonly stored: Promise<{ readonly sequence: bigint; readonly resent: boolean }>;
}

export interface MessagesOptions {
  /** Exclusive; undefined: from the beginning of what this device has. */
  readonly after?: string | undefined;
  /** False: ends after what is here now (and what the server held when asked). Default true. */
  readonly live?: boolean;
  readonly signal?: AbortSignalLike;
}

export interface TransferProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Bytes that an earlier try had brought over. */
  readonly resumedBytes: number;
}

export interface TransferOptions {
  readonly onProgress?: (progress: TransferProgress) => void;
  readonly signal?: AbortSignalLike;
}

export interface RoomMember {
  readonly account: AccountId;
  readonly name: string | undefined;
  readonly role: Role;
  readonly devices: readonly DeviceId[];
  /** Devices with a leaf in the group now. */
  readonly joinedDevices: readonly DeviceId[];
}

/** One room, for as long as its client is open. */
export interface Room {
  readonly id: RoomId;
  status(): RoomStatus;
  members(): readonly RoomMember[];
  /** Answers once the text is sealed on this device's disk. */
  send(text: string): Promise<SentMessage>;
  /** As one transaction; what waits together is sealed together. */
  sendMany(texts: readonly string[]): Promise<readonly SentMessage[]>;
  messageState(id: MessageId): MessageState | undefined;
  messages(options?: MessagesOptions): AsyncIterable<RoomMessage>;
  notices(): AsyncIterable<RoomNotice>;
  /** Settles once everything queued is stored, and newcomers that wait for this device are confirmed. */
  flushed(): Promise<void>;
  /** Settles once everything the server held when asked has been read. */
  caughtUp(): Promise<void>;
  sendFile(
    source: FileSource,
    options?: TransferOptions,
  ): Promise<SentMessage & { file: FileInfo }>;
  files(): Promise<readonly FileInfo[]>;
  getFile(file: FileId, sink: FileSink, options?: TransferOptions): Promise<FileInfo>;
  /** Random access: only the segments that hold the range are fetched and opened. */
  readFile(file: FileId, offset: number, lengthBytes: number): Promise<Uint8Array>;
  /** Owners: the room's name. Anybody: one's own. Travels inside the room. */
  setProfile(profile: { readonly roomName?: string; readonly personName?: string }): Promise<void>;
  /** A commit that renews one's own leaf key: what was stolen before opens nothing after. */
  renewKeys(): Promise<void>;
  /** Epoch, GroupInfo and tree, as the relay gives them against a grant. */
  roomKey(): Promise<{
    readonly epoch: bigint;
    readonly groupInfo: Uint8Array;
    readonly ratchetTree: Uint8Array;
  }>;
}

export interface InviteRequest {
  readonly grants: readonly { readonly scope: ScopeRef; readonly role: Role }[];
  readonly expiresInMs: number;
}

export interface OrgProject {
  readonly id: ProjectId;
  readonly name: string;
  readonly role: Role | undefined;
}

export interface OrgMember {
  readonly account: AccountId;
  readonly name: string | undefined;
  readonly role: Role;
  readonly devices: readonly {
    readonly device: DeviceId;
    readonly revoked: boolean;
    readonly own: boolean;
  }[];
}

export interface LogLine {
  readonly position: bigint;
  readonly time: EpochMs;
  readonly kind: string;
  readonly device: DeviceId | undefined;
  readonly text: string;
}

/** What owners state, and what anybody may look up, in the org's log. */
export interface OrgAdmin {
  readonly name: string;
  projects(): readonly OrgProject[];
  members(): readonly OrgMember[];
  log(): readonly LogLine[];
  createProject(name: string): Promise<ProjectId>;
  createRoom(options: { readonly project: ProjectId; readonly name: string }): Promise<RoomId>;
  /** The text to hand over: it holds the invitation's secret and shows once. */
  invite(request: InviteRequest): Promise<{ readonly id: InviteId; readonly text: string }>;
  /** `undefined` takes the role away. */
  setRole(options: {
    readonly scope: ScopeRef;
    readonly account: AccountId;
    readonly role: Role | undefined;
  }): Promise<void>;
  /** Takes every role away: the rooms' own first, the org's last. */
  removeMember(account: AccountId): Promise<void>;
  setPolicy(options: {
    readonly scope: ScopeRef;
    readonly policy: statementsV1.Policy;
  }): Promise<void>;
  policy(scope: ScopeRef): statementsV1.Policy | undefined;
  /** Certifies a further device of one's own account, whose public keys came over a safe way. */
  certifyDevice(certificate: statementsV1.DeviceCertificate): Promise<void>;
  revokeDevice(device: DeviceId): Promise<void>;
  explain(options: {
    readonly account: AccountId;
    readonly room: RoomId;
  }): Promise<gatewayV1.Decision>;
}

export interface FactorAdmin {
  /** `provisioning` is shown once: an otpauth:// URI. */
  enrol(factor: "totp"): Promise<{ readonly provisioning: string }>;
  present(factor: "totp", proof: string): Promise<void>;
}

export type ClientState =
  | {
      readonly kind: "connecting";
      /** Which step is under way, in words: each is bounded, and tried again. */
      readonly waitsFor: string;
    }
  | { readonly kind: "online" }
  | { readonly kind: "offline"; readonly reason: string }
  /** The server contradicted itself; nothing is written any more. */
  | { readonly kind: "stopped"; readonly code: string; readonly text: string }
  | { readonly kind: "closed" };

export type ClientEvent =
  | { readonly kind: "state"; readonly state: ClientState }
  | { readonly kind: "room"; readonly status: RoomStatus }
  | { readonly kind: "notice"; readonly room: RoomId; readonly notice: RoomNotice };

export interface Client extends AsyncDisposable {
  readonly orgId: OrgId;
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly personName: string;
  readonly org: OrgAdmin;
  readonly factors: FactorAdmin;
  state(): ClientState;
  rooms(): readonly RoomStatus[];
  /** Joins it if need be; throws the gateway's refusal, with what to do. */
  room(id: RoomId): Promise<Room>;
  /** The gateway's newest decisions. */
  decisions(): readonly gatewayV1.Decision[];
  events(): AsyncIterable<ClientEvent>;
  /** For a further device of one's own account. */
  deviceLink(): DeviceLink;
  /** Asks the gateway again: after a factor was presented or roles have changed. */
  refresh(): Promise<void>;
}

export interface ConnectOptions extends ClientPorts {
  /** Goes before the URL that the identity holds. */
  readonly gatewayUrl?: string;
  /** False: open the store and the outbox only, and connect when `refresh` is called. Default true. */
  readonly online?: boolean;
  readonly signal?: AbortSignalLike;
}
