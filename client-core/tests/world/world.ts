import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { newStatementId, type ProjectId, type RoomId, SecretBytes } from "@cloister/base";
import { type Client, type ClientPorts, connect, setup } from "@cloister/client-core";
import { createMemberEngine } from "@cloister/group-engine/member";
import { createPublicEngine } from "@cloister/group-engine/public";
import type { MemberEngine } from "@cloister/group-engine/types";
import { memberWasmHref, publicWasmHref } from "@cloister/group-engine/wasm-paths";
import type { roomsV1 } from "@cloister/proto";
import {
  type Body,
  buildStatement,
  encodeLeafCredential,
  signHandshake,
  signStatement,
} from "@cloister/rules";
import { readIdentity } from "../../src/identity/identity.ts";
import { createSigner } from "../../src/identity/keys.ts";
import { engineKeyOf, storeKeys } from "../../src/store/keys.ts";
import { openSealedStore } from "../../src/store/seal-store.ts";
import { MemoryAccounts } from "./accounts.ts";
import { Gate } from "./gate.ts";
import { MemoryGateway } from "./gateway.ts";
import { MemoryDisk, memoryStore } from "./memory-store.ts";
import { nativeCrypto } from "./native-crypto.ts";
import { MemoryRelay } from "./relay.ts";
import { testClock } from "./test-clock.ts";

const memberModule = await readFile(new URL(memberWasmHref));
const publicModule = await readFile(new URL(publicWasmHref));

/** A person's device: its disk outlives every client that opens it. */
export class Player {
  readonly world: World;
  readonly name: string;
  disk = new MemoryDisk();
  readonly key = SecretBytes.from(randomBytes(32));

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
  }

  ports(gate = new Gate(), disk = this.disk): ClientPorts {
    return {
      store: memoryStore(disk, gate),
      storeKey: this.key,
      transport: this.world.relay.transport(gate),
      http: this.world.gateway.port(gate),
      clock: testClock,
      random: { bytes: (length) => Uint8Array.from(randomBytes(length)) },
      crypto: nativeCrypto(),
      engine: (options) => createMemberEngine(memberModule, options),
    };
  }

  /** As the device signs, whatever it says: a member may be hostile. */
  async signHandshake(handshake: roomsV1.Handshake): Promise<Uint8Array> {
    const store = await openSealedStore(this.ports());
    using identity = await readIdentity(store);
    if (identity === undefined) throw new TypeError("nobody's store");
    const signer = createSigner("statement", identity.keys.statement, nativeCrypto());
    return signHandshake(identity.orgId, handshake, signer);
  }

  /** A statement of this device, straight into the log. */
  async state(body: Body): Promise<void> {
    const store = await openSealedStore(this.ports());
    using identity = await readIdentity(store);
    if (identity === undefined) throw new TypeError("nobody's store");
    const signer = createSigner("statement", identity.keys.statement, nativeCrypto());
    const { accounts } = this.world;
    const draft = { id: newStatementId(accounts.random), device: identity.deviceId, body };
    await accounts.submit(await signStatement(buildStatement(accounts.state, draft), [signer]));
  }

  /** The group engine with what a disk held, as a thief of it would have. */
  async engineOf(disk: MemoryDisk): Promise<MemberEngine> {
    const store = await openSealedStore(this.ports(new Gate(), disk));
    using identity = await readIdentity(store);
    if (identity === undefined) throw new TypeError("nobody's store");
    const { orgId: org, accountId: account, deviceId: device } = identity;
    const engine = createMemberEngine(memberModule, {
      leafSecretSeed: identity.keys.leaf.expose((seed) => Uint8Array.from(seed)),
      credential: encodeLeafCredential({ org, account, device }),
    });
    const rows = await store.listAll(storeKeys.engine);
    engine.restore(rows.map(({ key, value }) => ({ key: engineKeyOf(key), value })));
    return engine;
  }

  async open(gate = new Gate(), disk = this.disk): Promise<Client> {
    const client = await connect(this.ports(gate, disk));
    this.world.clients.add(client);
    return client;
  }
}

/** Accounts, gateway, relay and people in one process. */
export class World implements AsyncDisposable {
  readonly accounts = new MemoryAccounts();
  readonly gateway = new MemoryGateway(this.accounts);
  readonly relay = new MemoryRelay(this.accounts, createPublicEngine(publicModule));
  readonly clients = new Set<Client>();

  player(name: string): Player {
    return new Player(this, name);
  }

  /** An owner with an org. */
  async found(name = "Alice"): Promise<Player> {
    const owner = this.player(name);
    await this.foundAs(owner);
    return owner;
  }

  async foundAs(owner: Player, gate = new Gate()): Promise<void> {
    await setup.createOrg(owner.ports(gate), {
      gatewayUrl: "https://world.example",
      caSha256: undefined,
      claimSecret: new Uint8Array(32),
      orgName: "World",
      personName: owner.name,
    });
  }

  async room(client: Client, name = "den"): Promise<{ project: ProjectId; room: RoomId }> {
    const project = await client.org.createProject("project");
    return { project, room: await client.org.createRoom({ project, name }) };
  }

  /** Somebody new, with a role in the room. */
  async invite(client: Client, room: RoomId, name: string): Promise<Player> {
    const player = this.player(name);
    const { text } = await client.org.invite({
      grants: [
        { scope: { kind: "org" }, role: "user" },
        { scope: { kind: "room", room }, role: "user" },
      ],
      expiresInMs: 3_600_000,
    });
    await setup.acceptInvitation(player.ports(), { invitation: text, personName: name });
    return player;
  }

  /** A further device of the client's account. */
  async addDevice(client: Client, name: string): Promise<Player> {
    const player = this.player(name);
    const { certificate } = await setup.prepareDevice(player.ports(), client.deviceLink());
    await client.org.certifyDevice(certificate);
    return player;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.clients].map((client) => client[Symbol.asyncDispose]()));
  }
}
