import {
  addMs,
  type Ed25519Verify,
  type EpochMs,
  type KeyRole,
  newGroupId,
  newInviteId,
  newProjectId,
  newRoomId,
  newStatementId,
  type OrgId,
  type ProjectId,
  parseEpochMs,
  type Random,
  type RoomId,
  type Signer,
} from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import { bodies } from "../build/bodies.ts";
import { buildGenesis } from "../build/genesis.ts";
import { buildStatement, signStatement } from "../build/statement.ts";
import { prepareEntry, prepareGenesis, signEntry } from "../log/append.ts";
import { appendRecord, type LogReplica, openReplica } from "../log/replica.ts";
import type { InviteGrant, LevelPolicy } from "../state/facts.ts";
import type { RoleName } from "../state/names.ts";
import type { OrgState } from "../state/org-state.ts";
import { orgScope, roomScope, type Scope } from "../state/scope.ts";
import type { Body } from "../statements/judgement.ts";
import {
  accountKey,
  firstDevice,
  ownerFact,
  type TestAccount,
  type TestDevice,
  type TestKey,
  type TestService,
  testAccount,
  testDevice,
  testKey,
  testService,
} from "./keys.ts";
import { seededRandom } from "./random.ts";

export interface TestOrgOptions {
  /** Another seed makes another org of the same name. */
  readonly seed?: string;
  readonly orgName?: string;
  /** Log time of the genesis; each further entry is a second later. */
  readonly startMs?: EpochMs;
  readonly verify?: Ed25519Verify;
  /** The log's key, gateway and relay of a real server in place of made ones. */
  readonly logKey?: TestKey<"log">;
}

export interface SubmitOptions {
  /** The signing device; `null` for statements that no device signs. Default: the owner's first. */
  readonly device?: TestDevice | null;
  /** Further keys that sign. */
  readonly keys?: readonly Signer<KeyRole>[];
}

const second = 1000;

/** A whole org in memory: every secret, the log with real signatures, and a replica of it. */
export class TestOrg {
  readonly random: Random;
  readonly owner: TestAccount;
  readonly logKey: TestKey<"log">;
  readonly recovery: TestKey<"recovery">;
  readonly gateway: TestService<"gateway">;
  readonly relay: TestService<"relay">;
  /** Encoded LogRecord values, from the genesis on. */
  readonly records: Uint8Array[];
  readonly id: OrgId;
  /** Log time of the newest entry. */
  nowMs: EpochMs;
  replica: LogReplica;

  private constructor(parts: FoundedOrg) {
    this.random = parts.random;
    this.owner = parts.owner;
    this.logKey = parts.logKey;
    this.recovery = parts.recovery;
    this.gateway = testService("gateway", parts.random);
    this.relay = testService("relay", parts.random);
    this.nowMs = parts.nowMs;
    this.records = [parts.record];
    this.replica = parts.replica;
    this.id = parts.replica.state.genesis.org;
  }

  /** An owner with one device, a gateway and a relay in force: a log of three entries. */
  static async create(options: TestOrgOptions = {}): Promise<TestOrg> {
    const org = new TestOrg(await found(options));
    await org.submit(bodies.gatewaySet({ ...serviceKeys(org.gateway), revoked: false }));
    await org.submit(bodies.relaySet({ ...serviceKeys(org.relay), revoked: false }));
    return org;
  }

  /** Encoded Signed checkpoint of the log of this size. */
  checkpointAt(size: number): Uint8Array {
    const record = this.records[size - 1];
    if (record === undefined) throw new TypeError("the test log is shorter");
    return statementsV1.LogRecord.decode(record).checkpoint;
  }

  get state(): OrgState {
    return this.replica.state;
  }

  get size(): number {
    return this.replica.size;
  }

  /** A statement of the newest state, built and signed but not appended: encoded SignedStatement. */
  async sign(
    body: Body,
    { device = firstDevice(this.owner), keys = [] }: SubmitOptions = {},
  ): Promise<Uint8Array> {
    const draft = { id: newStatementId(this.random), device: device?.certificate.device, body };
    const signers = device === null ? keys : [...keys, device.statement];
    return signStatement(buildStatement(this.state, draft), signers);
  }

  /** Signs and appends; gives the encoded LogRecord. */
  async submit(body: Body, options: SubmitOptions = {}): Promise<Uint8Array> {
    return this.append(await this.sign(body, options));
  }

  /** Appends an encoded SignedStatement, a second after the last; throws what the rules refuse. */
  async append(statement: Uint8Array, nowMs = addMs(this.nowMs, second)): Promise<Uint8Array> {
    const record = await signEntry(prepareEntry(this.replica, { statement, nowMs }), this.logKey);
    this.replica = appendRecord(this.replica, record);
    this.records.push(record);
    this.nowMs = nowMs;
    return record;
  }

  /** Invites and registers a new account; a user of the org unless `grants` says otherwise. */
  async addMember(
    grants: readonly InviteGrant[] = [{ scope: orgScope, role: "user" }],
  ): Promise<TestAccount> {
    const account = testAccount(this.random);
    const key = testKey("invitation", this.random);
    const invite = newInviteId(this.random);
    const expiresMs = addMs(this.nowMs, 3_600_000);
    await this.submit(bodies.inviteIssued({ invite, inviteKey: key.publicKey, grants, expiresMs }));
    const body = bodies.inviteAccepted({ invite, ...ownerFact(account) });
    await this.submit(body, { device: null, keys: [key, accountKey(account)] });
    return account;
  }

  async createProject(name = "project"): Promise<ProjectId> {
    const project = newProjectId(this.random);
    await this.submit(bodies.projectCreated({ project, name }));
    return project;
  }

  /** Creates the room, and a project for it unless one is named; the owner names himself its owner, the others become users. */
  async createRoom(
    options: { readonly project?: ProjectId; readonly members?: readonly TestAccount[] } = {},
  ): Promise<RoomId> {
    const room = newRoomId(this.random);
    const groupId = newGroupId(this.random);
    const project = options.project ?? (await this.createProject());
    await this.submit(bodies.roomCreated({ room, project, groupId }));
    await this.setRole(this.owner, roomScope(room), "owner");
    for (const member of options.members ?? []) await this.setRole(member, roomScope(room), "user");
    return room;
  }

  setRole(account: TestAccount, scope: Scope, role: RoleName | undefined): Promise<Uint8Array> {
    return this.submit(bodies.roleSet({ account: account.id, scope, role }));
  }

  /** Sets the level's policy; what is not named demands nothing. */
  setPolicy(scope: Scope, policy: Partial<LevelPolicy>): Promise<Uint8Array> {
    return this.submit(bodies.policySet({ scope, policy: { ...noPolicy, ...policy } }));
  }

  /** A further device, certified by the account key and the account's first live device. */
  async addDevice(account: TestAccount, by = firstDevice(account)): Promise<TestDevice> {
    const device = testDevice(account.id, this.random);
    const body = bodies.deviceCertified(device.certificate);
    await this.submit(body, { device: by, keys: [accountKey(account)] });
    account.devices.push(device);
    return device;
  }

  /** Ends a device; the account has a new key afterwards. */
  async revokeDevice(account: TestAccount, device: TestDevice, by: TestDevice): Promise<void> {
    const newKey = testKey("account", this.random);
    const body = bodies.deviceRevoked({
      account: account.id,
      device: device.certificate.device,
      newAccountKey: newKey.publicKey,
    });
    await this.submit(body, { device: by, keys: [accountKey(account), newKey] });
    account.keys.push(newKey);
  }
}

/** A policy that demands nothing. */
export const noPolicy: LevelPolicy = Object.freeze({
  factors: [],
  exemptRoles: [],
  deniedAccounts: [],
  sessionMaxAgeSeconds: undefined,
  deviceMinAgeSeconds: undefined,
});

export function serviceKeys<Role extends "gateway" | "relay">({
  key,
  natsSigningKey,
}: TestService<Role>): {
  readonly key: TestService<Role>["key"]["publicKey"];
  readonly natsSigningKey: Uint8Array;
} {
  return { key: key.publicKey, natsSigningKey };
}

interface FoundedOrg {
  readonly random: Random;
  readonly owner: TestAccount;
  readonly logKey: TestKey<"log">;
  readonly recovery: TestKey<"recovery">;
  readonly nowMs: EpochMs;
  readonly record: Uint8Array;
  readonly replica: LogReplica;
}

async function found(options: TestOrgOptions): Promise<FoundedOrg> {
  const random = seededRandom(options.seed ?? "test org");
  const nowMs = options.startMs ?? parseEpochMs(1_800_000_000_000);
  const owner = testAccount(random);
  const logKey = options.logKey ?? testKey("log", random);
  const recovery = testKey("recovery", random);
  const genesis = buildGenesis({
    orgName: options.orgName ?? "Test Org",
    logKey: logKey.publicKey,
    owners: [ownerFact(owner)],
    recoveryKeys: [recovery.publicKey],
    nonce: random.bytes(32),
    createdMs: nowMs,
  });
  const statement = await signStatement(genesis, [accountKey(owner)]);
  const prepared = prepareGenesis({ statement, nowMs, logKey: logKey.publicKey });
  const record = await signEntry(prepared, logKey);
  const replica = openReplica({ record, org: genesis.orgId, verify: options.verify });
  return { random, owner, logKey, recovery, nowMs, record, replica };
}
