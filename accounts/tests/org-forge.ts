import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import {
  type AccountId,
  accountIdFromBytes,
  type DeviceId,
  deviceIdFromBytes,
  type EpochMs,
  type GatewayKey,
  idBytes,
  type KeyRole,
  newGroupId,
  newInviteId,
  newProjectId,
  newRoomId,
  newStatementId,
  type OrgId,
  type ProjectId,
  type PublicKey,
  parseEpochMs,
  publicKeyFromBytes,
  type Random,
  type RelayKey,
  type RoomId,
  type Signer,
  signingInput,
} from "@cloister/base";
import { statementsV1, userNkeyFromBytes } from "@cloister/proto";
import {
  appendRecord,
  bodies,
  buildGenesis,
  buildStatement,
  type LogReplica,
  logRootAt,
  logSize,
  openReplica,
  orgScope,
  roomScope,
  signStatement,
} from "@cloister/rules";
import { NkeyPair, nkeyBytesOf } from "@cloister/server-kit";

type Body = Parameters<typeof buildStatement>[1]["body"];

export const random: Random = { bytes: (length) => Uint8Array.from(randomBytes(length)) };

export function newSigner<Role extends KeyRole>(role: Role): Signer<Role> {
  const pair = generateKeyPairSync("ed25519");
  const privateKey: KeyObject = pair.privateKey;
  const spki = pair.publicKey.export({ format: "der", type: "spki" });
  return {
    publicKey: publicKeyFromBytes(role, Uint8Array.from(spki.subarray(12))),
    sign: (input) => Promise.resolve(Uint8Array.from(sign(null, input, privateKey))),
  };
}

/** A person with one device, its keys in the test's memory. */
export class Person {
  readonly account: AccountId = accountIdFromBytes(randomBytes(16));
  accountKey: Signer<"account"> = newSigner("account");
  readonly devices: Device[] = [new Device(this.account)];

  get device(): Device {
    const [device] = this.devices;
    if (device === undefined) throw new Error("a person has a device");
    return device;
  }

  get owner() {
    const { account, accountKey, device } = this;
    return { account, accountKey: accountKey.publicKey, device: device.certificate };
  }
}

export class Device {
  readonly id: DeviceId = deviceIdFromBytes(randomBytes(16));
  readonly statementKey = newSigner("statement");
  readonly leafKey = newSigner("leaf");
  readonly nkey: NkeyPair<"user"> = NkeyPair.generate("user");
  readonly account: AccountId;

  constructor(account: AccountId) {
    this.account = account;
  }

  get certificate() {
    return {
      device: this.id,
      account: this.account,
      statementKey: this.statementKey.publicKey,
      leafKey: this.leafKey.publicKey,
      nkey: userNkeyFromBytes(nkeyBytesOf("user", this.nkey.publicKey)),
      expiresMs: undefined as EpochMs | undefined,
    };
  }
}

/** An owner's side of an org: makes statements against its own replica of the log. */
export class OrgForge {
  readonly owner = new Person();
  replica: LogReplica | undefined;

  get state() {
    if (this.replica === undefined) throw new Error("the org is not founded yet");
    return this.replica.state;
  }

  get org(): OrgId {
    return this.state.genesis.org;
  }

  take(record: Uint8Array): void {
    this.replica =
      this.replica === undefined ? openReplica({ record }) : appendRecord(this.replica, record);
  }

  genesis(logKey: Uint8Array, orgName = "Example"): Promise<Uint8Array> {
    const unsigned = buildGenesis({
      orgName,
      logKey: publicKeyFromBytes("log", logKey),
      owners: [this.owner.owner],
      recoveryKeys: [newSigner("recovery").publicKey],
      nonce: random.bytes(32),
      createdMs: parseEpochMs(Date.now()),
    });
    return signStatement(unsigned, [this.owner.accountKey]);
  }

  #sign(body: Body, extra: readonly Signer[] = []) {
    const { device } = this.owner;
    const draft = { id: newStatementId(random), device: device.id, body };
    return signStatement(buildStatement(this.state, draft), [device.statementKey, ...extra]);
  }

  project(project: ProjectId = newProjectId(random)): Promise<Uint8Array> {
    return this.#sign(bodies.projectCreated({ project, name: "Project" }));
  }

  room(project: ProjectId, room: RoomId = newRoomId(random)): Promise<Uint8Array> {
    return this.#sign(bodies.roomCreated({ room, project, groupId: newGroupId(random) }));
  }

  /** A statement that the builder would refuse to make. */
  async unchecked(body: Body, by: Device): Promise<Uint8Array> {
    const size = logSize(this.state);
    const value = statementsV1.Statement.encode({
      statementId: random.bytes(16),
      checkpointSize: BigInt(size),
      checkpointRoot: logRootAt(this.state, size),
      changesVersion: 0n,
      criticalVersion: 1,
      deviceId: idBytes(by.id),
      body,
    }).finish();
    const input = signingInput("statement", this.org, value);
    const signatures = [await by.statementKey.sign(input)];
    const content = { $case: "statement", value } as const;
    return statementsV1.SignedStatement.encode({ content, signatures }).finish();
  }

  role(change: { account: AccountId; room?: RoomId; role: "user" | "owner" | undefined }) {
    const { account, room, role } = change;
    const scope = room === undefined ? orgScope : roomScope(room);
    return this.#sign(bodies.roleSet({ scope, account, role }));
  }

  gateway(change: { key: GatewayKey; natsSigningKey: Uint8Array; revoked: boolean }) {
    return this.#sign(bodies.gatewaySet(change));
  }

  relay(change: { key: RelayKey; natsSigningKey: Uint8Array; revoked: boolean }) {
    return this.#sign(bodies.relaySet(change));
  }

  invite(rooms: readonly RoomId[] = []) {
    const inviteKey = newSigner("invitation");
    const invite = newInviteId(random);
    const scopes = [orgScope, ...rooms.map(roomScope)];
    const grants = scopes.map((scope) => ({ scope, role: "user" as const }));
    const expiresMs = parseEpochMs(Date.now() + 3_600_000);
    const body = bodies.inviteIssued({ invite, inviteKey: inviteKey.publicKey, grants, expiresMs });
    return { invite, inviteKey, statement: this.#sign(body) };
  }

  accept(invited: { invite: ReturnType<typeof newInviteId>; inviteKey: Signer }, person: Person) {
    const body = bodies.inviteAccepted({ invite: invited.invite, ...person.owner });
    const unsigned = buildStatement(this.state, { id: newStatementId(random), body });
    return signStatement(unsigned, [invited.inviteKey, person.accountKey]);
  }

  certify(person: Person, device: Device, by: Device = person.device) {
    const body = bodies.deviceCertified(device.certificate);
    const unsigned = buildStatement(this.state, {
      id: newStatementId(random),
      device: by.id,
      body,
    });
    return signStatement(unsigned, [person.accountKey, by.statementKey]);
  }

  async revoke(person: Person, revoked: Device, by: Device): Promise<Uint8Array> {
    const next = newSigner("account");
    const { account, accountKey } = person;
    const body = bodies.deviceRevoked({
      account,
      device: revoked.id,
      newAccountKey: next.publicKey,
    });
    const unsigned = buildStatement(this.state, {
      id: newStatementId(random),
      device: by.id,
      body,
    });
    const signed = await signStatement(unsigned, [accountKey, by.statementKey, next]);
    person.accountKey = next;
    return signed;
  }
}

/** A gateway's or relay's keys for an org. */
export function serviceKeys<Role extends "gateway" | "relay">(role: Role) {
  const signer = newSigner(role);
  const nats = NkeyPair.generate("account");
  const key: PublicKey<Role> = signer.publicKey;
  return { key, nats, natsSigningKey: nkeyBytesOf("account", nats.publicKey) };
}
