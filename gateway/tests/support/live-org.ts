import {
  addMs,
  idBytes,
  newGroupId,
  newInviteId,
  newProjectId,
  newRoomId,
  newStatementId,
  parseEpochMs,
  publicKeyBytes,
  publicKeyFromBytes,
  type RoomId,
  type Signer,
} from "@cloister/base";
import {
  appendRecord,
  type Body,
  bodies,
  buildGenesis,
  buildStatement,
  type LogReplica,
  openReplica,
  orgScope,
  roomScope,
  signStatement,
} from "@cloister/rules";
import {
  accountKey,
  firstDevice,
  ownerFact,
  type TestAccount,
  type TestDevice,
  testAccount,
  testKey,
} from "@cloister/rules/testing";
import type { TestCaller, TestClient } from "./http-client.ts";

const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

/** An org that real accounts hold the log of; the test plays its people, through the gateway alone. */
export class LiveOrg {
  readonly owner = testAccount(random);
  readonly #client: TestClient;
  #replica: LogReplica | undefined;

  private constructor(client: TestClient) {
    this.#client = client;
  }

  /** Founds the org by a claim, and authorises the gateway and relay that the answer names. */
  static async found(client: TestClient, claimSecret: Uint8Array): Promise<LiveOrg> {
    const org = new LiveOrg(client);
    const { logKey, gateway, relay } = await client.call("ReserveOrg", { claimSecret });
    if (gateway === undefined || relay === undefined) throw new Error("keys are missing");
    const genesis = buildGenesis({
      orgName: "Live Org",
      logKey: publicKeyFromBytes("log", logKey),
      owners: [ownerFact(org.owner)],
      recoveryKeys: [testKey("recovery", random).publicKey],
      nonce: random.bytes(32),
      createdMs: parseEpochMs(Date.now()),
    });
    const statement = await signStatement(genesis, [accountKey(org.owner)]);
    const created = await client.call("CreateOrg", { claimSecret, genesis: statement });
    org.#replica = openReplica({ record: created.logRecord, org: genesis.orgId });
    await org.submit(
      bodies.gatewaySet({
        key: publicKeyFromBytes("gateway", gateway.signingKey),
        natsSigningKey: gateway.natsSigningKey,
        revoked: false,
      }),
    );
    await org.submit(
      bodies.relaySet({
        key: publicKeyFromBytes("relay", relay.signingKey),
        natsSigningKey: relay.natsSigningKey,
        revoked: false,
      }),
    );
    return org;
  }

  get replica(): LogReplica {
    if (this.#replica === undefined) throw new Error("the org is not founded yet");
    return this.#replica;
  }

  async submit(body: Body, device: TestDevice = firstDevice(this.owner)): Promise<void> {
    const statement = await this.#sign(body, device, [device.statement]);
    const { logRecord } = await this.#client.call(
      "SubmitStatement",
      { statement },
      this.deviceCaller(device),
    );
    this.#replica = appendRecord(this.replica, logRecord);
  }

  async createRoom(members: readonly TestAccount[] = []): Promise<RoomId> {
    const [project, room] = [newProjectId(random), newRoomId(random)];
    await this.submit(bodies.projectCreated({ project, name: "project" }));
    await this.submit(bodies.roomCreated({ room, project, groupId: newGroupId(random) }));
    for (const { id: account } of members) {
      await this.submit(bodies.roleSet({ scope: roomScope(room), account, role: "user" }));
    }
    return room;
  }

  /** Issues an invitation and registers by it, as an invitee would. */
  async join(): Promise<TestAccount> {
    const key = testKey("invitation", random);
    const invite = newInviteId(random);
    const expiresMs = addMs(parseEpochMs(Date.now()), 3_600_000);
    const grants = [{ scope: orgScope, role: "user" }] as const;
    await this.submit(bodies.inviteIssued({ invite, inviteKey: key.publicKey, grants, expiresMs }));
    const account = testAccount(random);
    const body = bodies.inviteAccepted({ invite, ...ownerFact(account) });
    const statement = await this.#sign(body, undefined, [key, accountKey(account)]);
    const { logRecord } = await this.#client.call(
      "Register",
      { statement },
      {
        org: this.replica.state.genesis.org,
        caller: { $case: "inviteId", value: idBytes(invite) },
        signer: key,
      },
    );
    this.#replica = appendRecord(this.replica, logRecord);
    return account;
  }

  deviceCaller(device: TestDevice): TestCaller & { readonly checkpoint: Uint8Array } {
    return {
      org: this.replica.state.genesis.org,
      caller: { $case: "deviceId", value: idBytes(device.certificate.device) },
      signer: device.statement,
      checkpoint: this.replica.checkpoint.signed,
    };
  }

  /** A caller with a fresh session of the account's first device. */
  async signIn(account: TestAccount): Promise<TestCaller> {
    const key = testKey("session", random);
    const { sessionToken } = await this.#client.call(
      "SignIn",
      { sessionKey: publicKeyBytes(key.publicKey) },
      this.deviceCaller(firstDevice(account)),
    );
    return {
      org: this.replica.state.genesis.org,
      caller: { $case: "sessionToken", value: sessionToken },
      signer: key,
    };
  }

  #sign(body: Body, device: TestDevice | undefined, keys: readonly Signer[]): Promise<Uint8Array> {
    const draft = { id: newStatementId(random), device: device?.certificate.device, body };
    return signStatement(buildStatement(this.replica.state, draft), keys);
  }
}
