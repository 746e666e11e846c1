import type {
  AccountId,
  AccountKey,
  DeviceId,
  Ed25519Verify,
  EpochMs,
  GatewayKey,
  GroupId,
  InvitationKey,
  InviteId,
  LeafKey,
  LogKey,
  OrgId,
  ProjectId,
  RecoveryKey,
  RelayKey,
  RoomId,
  Sha256,
  StatementId,
  StatementKey,
} from "@cloister/base";
import type { UserNkey } from "@cloister/proto";
import type { Change } from "./history.ts";
import type { FactorName, RoleName } from "./names.ts";
import type { Scope, ScopeKey } from "./scope.ts";

/** What a certificate says of a device: one key a purpose. */
export interface Certificate {
  readonly device: DeviceId;
  readonly account: AccountId;
  readonly statementKey: StatementKey;
  readonly leafKey: LeafKey;
  readonly nkey: UserNkey;
  /** In log time; undefined: never. */
  readonly expiresMs: EpochMs | undefined;
}

export interface OwnerFact {
  readonly account: AccountId;
  readonly accountKey: AccountKey;
  readonly device: Certificate;
}

/** What the genesis pins. */
export interface GenesisFacts {
  readonly org: OrgId;
  readonly orgName: string;
  readonly logKey: LogKey;
  readonly owners: readonly OwnerFact[];
  readonly recoveryKeys: readonly RecoveryKey[];
  readonly createdMs: EpochMs;
}

export interface AccountFact {
  readonly account: AccountId;
  readonly registeredAt: number;
  readonly keys: Change<AccountKey>[];
}

export interface DeviceFact {
  readonly certificate: Certificate;
  /** Position and log time of the entry that certified it. */
  readonly certifiedAt: number;
  readonly certifiedMs: EpochMs;
  /** Position of the entry that revoked it. */
  revokedAt: number | undefined;
}

export interface ProjectFact {
  readonly project: ProjectId;
  readonly name: string;
  readonly createdAt: number;
}

export interface RoomFact {
  readonly room: RoomId;
  readonly project: ProjectId;
  readonly groupId: GroupId;
  readonly suite: number;
  readonly rulesVersion: number;
  readonly createdAt: number;
  readonly createdBy: DeviceId;
}

export interface FactorRequirement {
  readonly factor: FactorName;
  /** How long one presentation counts; undefined: as long as the session. */
  readonly maxAgeSeconds: number | undefined;
}

/** What one level demands. */
export interface LevelPolicy {
  readonly factors: readonly FactorRequirement[];
  readonly exemptRoles: readonly RoleName[];
  readonly deniedAccounts: readonly AccountId[];
  readonly sessionMaxAgeSeconds: number | undefined;
  readonly deviceMinAgeSeconds: number | undefined;
}

/** A level's policy and the statement that set it. */
export interface PolicyFact {
  readonly statement: StatementId;
  readonly policy: LevelPolicy;
}

export interface InviteGrant {
  readonly scope: Scope;
  readonly role: RoleName;
}

export interface InviteFact {
  readonly invite: InviteId;
  readonly inviteKey: InvitationKey;
  readonly grants: readonly InviteGrant[];
  readonly expiresMs: EpochMs;
  readonly issuedAt: number;
  readonly issuer: AccountId;
  readonly issuerDevice: DeviceId;
  acceptedAt: number | undefined;
}

/** A gateway or relay that owners authorised; the NATS signing key is a raw Ed25519 public key. */
export interface ServiceFact<Key> {
  readonly key: Key;
  readonly natsSigningKey: Uint8Array;
  readonly revoked: boolean;
}

export type GatewayFact = ServiceFact<GatewayKey>;
export type RelayFact = ServiceFact<RelayKey>;

/** A position of the log as later entries may refer to it. */
export interface EntryFact {
  readonly statement: StatementId | undefined;
  readonly timeMs: EpochMs;
  /** Root of the log that this entry is the last of. */
  readonly root: Uint8Array;
}

/** The primitives that the platform lends; pure and deterministic. */
export interface RulesCrypto {
  readonly verify: Ed25519Verify;
  readonly sha256: Sha256;
}

/** Replayed facts with their history. Only effects of accepted entries write it (log/replica.ts). */
export interface OrgFacts {
  readonly genesis: GenesisFacts;
  readonly crypto: RulesCrypto;
  readonly entries: EntryFact[];
  readonly statements: Map<StatementId, number>;
  readonly accounts: Map<AccountId, AccountFact>;
  readonly devices: Map<DeviceId, DeviceFact>;
  readonly devicesByNkey: Map<UserNkey, DeviceId>;
  readonly devicesByAccount: Map<AccountId, DeviceId[]>;
  /** Raw public keys in text form, whatever their role: one key serves one purpose. */
  readonly usedKeys: Set<string>;
  readonly roles: Map<ScopeKey, Map<AccountId, Change<RoleName | undefined>[]>>;
  readonly scopesByAccount: Map<AccountId, Map<ScopeKey, Scope>>;
  readonly policies: Map<ScopeKey, Change<PolicyFact>[]>;
  readonly projects: Map<ProjectId, ProjectFact>;
  readonly rooms: Map<RoomId, RoomFact>;
  readonly groupIds: Set<GroupId>;
  readonly invites: Map<InviteId, InviteFact>;
  readonly gateways: Map<GatewayKey, Change<GatewayFact>[]>;
  readonly relays: Map<RelayKey, Change<RelayFact>[]>;
  /** One change for the genesis and for each OwnersReplaced. */
  readonly ownerSets: Change<readonly AccountId[]>[];
}
