import { readFileSync } from "node:fs";
import { idBytes, parseEpochMs, type RoomId, sha256 } from "@cloister/base";
import { createMemberEngine } from "@cloister/group-engine/member";
import type { CommitBundle, MemberEngine } from "@cloister/group-engine/types";
import { memberWasmHref } from "@cloister/group-engine/wasm-paths";
import {
  deliverySubject,
  type MethodOfService,
  type RequestOf,
  type ResponseOf,
  roomsV1,
} from "@cloister/proto";
import {
  encodeCommitBinding,
  encodeGroupBinding,
  encodeLeafCredential,
  logRootAt,
  roomAt,
  signHandshake,
} from "@cloister/rules";
import { type TestDevice, testGrant, testPass } from "@cloister/rules/testing";
import { callNats, NkeyPair } from "@cloister/server-kit";
import type { TestUser } from "@cloister/testkit";
import type { DeliveryStage, StagedOrg } from "./delivery-stage.ts";

const memberModule = readFileSync(new URL(memberWasmHref));
const service = "cloister.relay.v1.DeliveryService";
const noBytes = new Uint8Array();
type Method = MethodOfService<typeof service>;

/** What a test may change of an honest handshake. */
export interface HandshakeChanges {
  readonly grant?: Uint8Array;
  readonly record?: Partial<Parameters<typeof signHandshake>[1]>;
  readonly logSize?: number;
}

/** A device with a real engine and a real connection. */
export class TestMember implements Disposable {
  readonly org: StagedOrg;
  readonly device: TestDevice;
  user: TestUser;
  readonly engine: MemberEngine;
  /** Per room: the last handshake that it followed. */
  readonly heads = new Map<RoomId, { hash: Uint8Array; index: number }>();

  private constructor(parts: {
    readonly org: StagedOrg;
    readonly device: TestDevice;
    readonly user: TestUser;
  }) {
    this.org = parts.org;
    this.device = parts.device;
    this.user = parts.user;
    const { account, device } = parts.device.certificate;
    this.engine = createMemberEngine(memberModule, {
      leafSecretSeed: parts.device.leaf.seed,
      credential: encodeLeafCredential({ org: parts.org.log.id, account, device }),
    });
  }

  static async connect(
    stage: DeliveryStage,
    at: {
      readonly org?: StagedOrg;
      readonly device: TestDevice;
      readonly rooms?: readonly RoomId[];
    },
  ): Promise<TestMember> {
    const org = at.org ?? stage.org();
    const pair = NkeyPair.fromSeedBytes("user", at.device.nkeySeed);
    const user = await stage.nats.member(org.nats, at.rooms ?? [], pair);
    return new TestMember({ org, device: at.device, user });
  }

  /** After the server was gone. */
  reconnected(user: TestUser): void {
    this.user = user;
  }

  call<Name extends Method>(
    method: Name,
    request: RequestOf<`${typeof service}/${Name}`>,
  ): Promise<ResponseOf<`${typeof service}/${Name}`>> {
    return callNats({
      connection: this.user.connection,
      subject: deliverySubject(this.device.certificate.nkey, method),
      method: `${service}/${method}`,
      request: request as never,
      timeoutMs: 30_000,
    }) as never;
  }

  groupId(room: RoomId): Uint8Array {
    const { log } = this.org;
    const fact = roomAt(log.state, { room, at: log.size });
    if (fact === undefined) throw new Error("no such room in the log");
    return idBytes(fact.groupId);
  }

  /** The room's handshake 0. */
  async creation(room: RoomId): Promise<Uint8Array> {
    const contextExtension = encodeGroupBinding({ org: this.org.log.id, room, rulesVersion: 1 });
    const { groupInfo, ratchetTree } = this.engine.createGroup({
      groupId: this.groupId(room),
      contextExtension,
    });
    this.engine.commitWrites();
    return this.sign(room, { index: 0, epoch: 0n, groupInfo, ratchetTree });
  }

  async create(room: RoomId): Promise<Uint8Array> {
    const record = await this.creation(room);
    await this.call("AppendHandshake", { handshake: record });
    this.follow(room, record);
    return record;
  }

  grant(room: RoomId, epoch: bigint): Promise<Uint8Array> {
    const nowMs = parseEpochMs(Date.now());
    return testGrant(this.org.log, this.device, { room, epoch, nowMs });
  }

  pass(rooms: readonly RoomId[]): Promise<Uint8Array> {
    return testPass(this.org.log, this.device, { rooms, nowMs: parseEpochMs(Date.now()) });
  }

  /** An external commit against what the relay gives for a grant; not handed in yet. */
  async joining(
    room: RoomId,
    changes: HandshakeChanges & { readonly resyncLeafIndex?: number } = {},
  ): Promise<{ record: Uint8Array; bundle: CommitBundle }> {
    const { epoch } = await this.call("GetRoomEpoch", { roomId: idBytes(room) });
    const grant = changes.grant ?? (await this.grant(room, epoch));
    const key = await this.call("GetRoomKey", { grant });
    const previous = { hash: key.handshakeHash, index: Number(key.handshakeIndex) };
    const bundle = this.engine.externalJoin({
      groupInfo: key.groupInfo,
      ratchetTree: key.ratchetTree,
      aad: this.binding(room, { previous: previous.hash, grant, logSize: changes.logSize }),
      ...(changes.resyncLeafIndex === undefined
        ? {}
        : { resyncLeafIndex: changes.resyncLeafIndex }),
    });
    const fields = { index: previous.index + 1, epoch, grant, ...partsOf(bundle) };
    return { bundle, record: await this.sign(room, fields, changes) };
  }

  async join(room: RoomId): Promise<void> {
    const { record } = await this.joining(room);
    await this.call("AppendHandshake", { handshake: record });
    this.engine.commitWrites();
    this.follow(room, record);
  }

  /** A member's commit, pending in the engine. */
  async committing(
    room: RoomId,
    options: Parameters<MemberEngine["commit"]>[0] extends infer All
      ? Partial<All> & HandshakeChanges
      : never = {},
  ): Promise<Uint8Array> {
    const head = this.head(room);
    const groupId = this.groupId(room);
    const epoch = this.engine.epoch(groupId);
    const bundle = this.engine.commit({
      groupId,
      aad: this.binding(room, { previous: head.hash, logSize: options.logSize }),
      ...(options.adds === undefined ? {} : { adds: options.adds }),
      ...(options.removes === undefined ? {} : { removes: options.removes }),
      ...(options.contextExtension === undefined
        ? {}
        : { contextExtension: options.contextExtension }),
    });
    return this.sign(room, { index: head.index + 1, epoch, ...partsOf(bundle) }, options);
  }

  async commit(
    room: RoomId,
    options: Parameters<TestMember["committing"]>[1] = {},
  ): Promise<Uint8Array> {
    const record = await this.committing(room, options);
    await this.call("AppendHandshake", { handshake: record });
    this.engine.mergePending(this.groupId(room));
    this.engine.commitWrites();
    this.follow(room, record);
    return record;
  }

  /** Fetches and merges what others committed. */
  async catchUp(room: RoomId): Promise<void> {
    const fromIndex = BigInt(this.head(room).index + 1);
    const { handshakes } = await this.call("GetHandshakes", { roomId: idBytes(room), fromIndex });
    for (const { handshake } of handshakes) {
      const { commit } = readHandshake(handshake);
      this.engine.stage(this.groupId(room), commit);
      this.engine.mergeStaged(this.groupId(room));
      this.engine.commitWrites();
      this.follow(room, handshake);
    }
  }

  head(room: RoomId): { hash: Uint8Array; index: number } {
    const head = this.heads.get(room);
    if (head === undefined) throw new Error("not in this room");
    return head;
  }

  follow(room: RoomId, record: Uint8Array): void {
    const { index } = readHandshake(record);
    this.heads.set(room, { hash: sha256(record), index: Number(index) });
  }

  authenticator(room: RoomId): string {
    return Buffer.from(this.engine.epochAuthenticator(this.groupId(room))).toString("hex");
  }

  binding(
    room: RoomId,
    options: {
      readonly previous: Uint8Array;
      readonly grant?: Uint8Array;
      readonly logSize?: number | undefined;
    },
  ): Uint8Array {
    const { log } = this.org;
    const logSize = options.logSize ?? log.size;
    return encodeCommitBinding({
      org: log.id,
      room,
      rulesVersion: 1,
      previousHash: options.previous,
      logSize,
      logRoot: logRootAt(log.state, logSize),
      grantHash: options.grant === undefined ? undefined : sha256(options.grant),
    });
  }

  sign(
    room: RoomId,
    fields: {
      readonly index: number;
      readonly epoch: bigint;
      readonly groupInfo: Uint8Array;
      readonly ratchetTree?: Uint8Array;
      readonly commit?: Uint8Array;
      readonly welcome?: Uint8Array;
      readonly grant?: Uint8Array;
    },
    changes: HandshakeChanges = {},
  ): Promise<Uint8Array> {
    const { log } = this.org;
    const handshake = {
      roomId: idBytes(room),
      deviceId: idBytes(this.device.certificate.device),
      epoch: fields.epoch,
      index: BigInt(fields.index),
      groupInfo: fields.groupInfo,
      ratchetTree: fields.ratchetTree ?? noBytes,
      commit: fields.commit ?? noBytes,
      welcome: fields.welcome ?? noBytes,
      grant: fields.grant ?? noBytes,
      checkpoint: log.checkpointAt(changes.logSize ?? log.size),
      refuses: noBytes,
      ...changes.record,
    };
    return signHandshake(log.id, handshake, this.device.statement);
  }

  [Symbol.dispose](): void {
    this.engine[Symbol.dispose]();
  }
}

function partsOf({ commit, welcome, groupInfo }: CommitBundle) {
  return { commit, groupInfo, welcome: welcome ?? noBytes };
}

export function readHandshake(record: Uint8Array): roomsV1.Handshake {
  const { handshake } = roomsV1.SignedHandshake.decode(record);
  return roomsV1.Handshake.decode(handshake);
}
