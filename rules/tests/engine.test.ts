import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { equalBytes, idBytes, publicKeyBytes, type RoomId, sha256 } from "@cloister/base";
import { createMemberEngine } from "@cloister/group-engine/member";
import { createPublicEngine } from "@cloister/group-engine/public";
import type {
  CommitBundle,
  CommitSummary,
  MemberEngine,
  PublicGroupView,
} from "@cloister/group-engine/types";
import { memberWasmHref, publicWasmHref } from "@cloister/group-engine/wasm-paths";
import {
  encodeCommitBinding,
  encodeGroupBinding,
  encodeLeafCredential,
  type HandshakeView,
  logRootAt,
  roomAt,
  roomScope,
  signHandshake,
  unentitledLeaves,
  verifyCreation,
  verifyHandshake,
} from "@cloister/rules";
import { firstDevice, type TestDevice, TestOrg, testGrant } from "@cloister/rules/testing";
import { beforeEach, describe, expect, test } from "vitest";

const memberModule = readFileSync(new URL(memberWasmHref));
const publicModule = readFileSync(new URL(publicWasmHref));
const noBytes = new Uint8Array(0);

interface Member {
  readonly device: TestDevice;
  readonly engine: MemberEngine;
}

/** A room with real engines on both sides, and the rules between them. */
class EngineRoom {
  readonly org: TestOrg;
  readonly room: RoomId;
  readonly groupId: Uint8Array;
  readonly contextExtension: Uint8Array;
  readonly relay: PublicGroupView;
  readonly alice: Member;
  readonly members: Member[];
  last: HandshakeView;

  private constructor(
    parts: Pick<
      EngineRoom,
      "org" | "room" | "groupId" | "contextExtension" | "relay" | "alice" | "last"
    >,
  ) {
    this.org = parts.org;
    this.room = parts.room;
    this.groupId = parts.groupId;
    this.contextExtension = parts.contextExtension;
    this.relay = parts.relay;
    this.alice = parts.alice;
    this.members = [parts.alice];
    this.last = parts.last;
  }

  static async create(org: TestOrg, room: RoomId): Promise<EngineRoom> {
    const fact = roomAt(org.state, { room, at: org.size });
    if (fact === undefined) throw new TypeError("no room");
    const groupId = idBytes(fact.groupId);
    const { rulesVersion } = fact;
    const contextExtension = encodeGroupBinding({ org: org.id, room, rulesVersion });
    const alice = start(org, firstDevice(org.owner));
    const { groupInfo, ratchetTree } = alice.engine.createGroup({ groupId, contextExtension });
    const frame = frameOf(org, room, alice.device);
    const record = await signHandshake(
      org.id,
      {
        ...frame,
        index: 0n,
        epoch: 0n,
        commit: noBytes,
        welcome: noBytes,
        groupInfo,
        ratchetTree,
        grant: noBytes,
      },
      alice.device.statement,
    );
    const relay = createPublicEngine(publicModule).fromGroupInfo({ groupInfo, ratchetTree });
    const group = { context: relay.context(), members: relay.members() };
    const last = verifyCreation(org.state, { room, record, group });
    return new EngineRoom({ org, room, groupId, contextExtension, relay, alice, last });
  }

  aad(grant: Uint8Array = noBytes): Uint8Array {
    const { org, room, last } = this;
    return encodeCommitBinding({
      org: org.id,
      room,
      rulesVersion: 1,
      previousHash: last.hash,
      logSize: org.size,
      logRoot: logRootAt(org.state, org.size),
      grantHash: grant.length === 0 ? undefined : sha256(grant),
    });
  }

  async record(by: Member, bundle: CommitBundle, grant: Uint8Array = noBytes): Promise<Uint8Array> {
    const { commit, groupInfo, welcome = noBytes } = bundle;
    return signHandshake(
      this.org.id,
      {
        ...frameOf(this.org, this.room, by.device),
        index: BigInt(this.last.index + 1),
        epoch: this.last.epoch,
        commit,
        welcome,
        groupInfo,
        ratchetTree: noBytes,
        grant,
      },
      by.device.statement,
    );
  }

  /** What the relay, and each member but the committer, make of it: they have to agree. */
  verdicts(by: Member, bundle: CommitBundle, record: Uint8Array): readonly unknown[] {
    const judge = (
      commit: CommitSummary,
      roster: readonly {
        readonly leafIndex: number;
        readonly credential: Uint8Array;
        readonly signatureKey: Uint8Array;
      }[],
    ) => {
      try {
        return verifyHandshake(this.org.state, {
          room: this.room,
          record,
          index: this.last.index + 1,
          previous: this.last,
          commit,
          roster,
        });
      } catch (error) {
        return error;
      }
    };
    const others = this.members.filter(({ engine }) => engine !== by.engine);
    return [
      judge(this.relay.process(bundle.commit), this.relay.members()),
      ...others.map(({ engine }) =>
        judge(engine.stage(this.groupId, bundle.commit).summary, engine.members(this.groupId)),
      ),
    ];
  }

  async accept(
    by: Member,
    bundle: CommitBundle,
    grant: Uint8Array = noBytes,
  ): Promise<HandshakeView> {
    const record = await this.record(by, bundle, grant);
    const verdicts = this.verdicts(by, bundle, record);
    const [first] = verdicts;
    if (first instanceof Error) throw first;
    if (!verdicts.every((verdict) => isDeepStrictEqual(verdict, first)))
      throw disagreement(verdicts);
    this.relay.merge();
    for (const { engine } of this.members) {
      if (engine !== by.engine) engine.mergeStaged(this.groupId);
      else if (engine.hasPending(this.groupId)) engine.mergePending(this.groupId);
    }
    this.last = first as HandshakeView;
    return this.last;
  }

  async refuse(by: Member, bundle: CommitBundle, grant: Uint8Array = noBytes): Promise<unknown> {
    const verdicts = this.verdicts(by, bundle, await this.record(by, bundle, grant));
    this.relay.drop();
    for (const { engine } of this.members) {
      if (engine !== by.engine) engine.dropStaged(this.groupId);
      else if (engine.hasPending(this.groupId)) engine.clearPending(this.groupId);
    }
    const codes = verdicts.map((verdict) => (verdict as { readonly code?: string }).code);
    if (new Set(codes).size !== 1) throw disagreement(verdicts);
    return codes[0];
  }

  async join(device: TestDevice): Promise<Member> {
    const member = start(this.org, device);
    const grant = await testGrant(this.org, device, { room: this.room, epoch: this.last.epoch });
    const bundle = member.engine.externalJoin({
      groupInfo: this.alice.engine.exportGroupInfo(this.groupId),
      ratchetTree: this.relay.tree(),
      aad: this.aad(grant),
    });
    await this.accept(member, bundle, grant);
    this.members.push(member);
    return member;
  }

  leafIndexOf({ device }: Member): number {
    const key = publicKeyBytes(device.certificate.leafKey);
    const leaf = this.relay.members().find(({ signatureKey }) => equalBytes(signatureKey, key));
    if (leaf === undefined) throw new TypeError("the member has no leaf");
    return leaf.leafIndex;
  }
}

function disagreement(verdicts: readonly unknown[]): Error {
  return new Error("relay and members judge one commit differently", { cause: verdicts });
}

function start(org: TestOrg, device: TestDevice): Member {
  const { account, device: id } = device.certificate;
  const engine = createMemberEngine(memberModule, {
    leafSecretSeed: device.leaf.seed,
    credential: encodeLeafCredential({ org: org.id, account, device: id }),
  });
  return { device, engine };
}

function frameOf(org: TestOrg, room: RoomId, { certificate }: TestDevice) {
  return {
    roomId: idBytes(room),
    deviceId: idBytes(certificate.device),
    checkpoint: org.checkpointAt(org.size),
    refuses: noBytes,
  };
}

let org: TestOrg;
let group: EngineRoom;
let bob: Member;
let bobAccount: Awaited<ReturnType<TestOrg["addMember"]>>;

beforeEach(async () => {
  org = await TestOrg.create();
  bobAccount = await org.addMember();
  const room = await org.createRoom({ members: [bobAccount] });
  group = await EngineRoom.create(org, room);
  bob = await group.join(firstDevice(bobAccount));
});

describe("the rules over real commits: relay and members judge alike", () => {
  test("a join, self-updates and the removal of who lost his role stand", async () => {
    const { groupId, alice } = group;
    expect(group.last).toMatchObject({ kind: "external", epoch: 1n, account: bobAccount.id });
    await group.accept(bob, bob.engine.commit({ groupId, aad: group.aad() }));
    await group.accept(alice, alice.engine.commit({ groupId, aad: group.aad() }));
    await org.setRole(bobAccount, roomScope(group.room), undefined);
    const leaves = alice.engine.members(groupId);
    const removes = unentitledLeaves(org.state, { room: group.room, at: org.size, leaves }).map(
      ({ leafIndex }) => leafIndex,
    );
    expect(removes).toEqual([group.leafIndexOf(bob)]);
    const bundle = alice.engine.commit({ groupId, removes, aad: group.aad() });
    expect(await group.accept(alice, bundle)).toMatchObject({ removed: removes, epoch: 4n });
    expect(bob.engine.isActive(groupId)).toBe(false);
  });

  test("an owner's Add stands, a user's does not", async () => {
    const { groupId, alice } = group;
    const carol = await org.addMember();
    await org.setRole(carol, roomScope(group.room), "user");
    const guest = start(org, firstDevice(carol));
    const adds = [guest.engine.keyPackage().keyPackage];
    const byBob = bob.engine.commit({ groupId, adds, aad: group.aad() });
    expect(await group.refuse(bob, byBob)).toBe("ERR_HANDSHAKE_ADD");
    const byAlice = alice.engine.commit({ groupId, adds, aad: group.aad() });
    expect((await group.accept(alice, byAlice)).added).toMatchObject([{ account: carol.id }]);
  });

  test("a removal of an entitled member, a stale binding and a changed context are void", async () => {
    const { groupId, alice } = group;
    const removes = [group.leafIndexOf(alice)];
    const expel = bob.engine.commit({ groupId, removes, aad: group.aad() });
    expect(await group.refuse(bob, expel)).toBe("ERR_HANDSHAKE_REMOVE");
    const stale = group.aad();
    await org.addMember();
    const late = bob.engine.commit({ groupId, aad: stale });
    expect(await group.refuse(bob, late)).toBe("ERR_HANDSHAKE_BINDING");
    const contextExtension = encodeGroupBinding({ org: org.id, room: group.room, rulesVersion: 2 });
    const changed = bob.engine.commit({ groupId, contextExtension, aad: group.aad() });
    expect(await group.refuse(bob, changed)).toBe("ERR_HANDSHAKE_CONTEXT");
  });

  test("a joiner without a role is void for all, whatever grant he has", async () => {
    const stranger = await org.addMember();
    const mallory = start(org, firstDevice(stranger));
    const { room, groupId } = group;
    const grant = await testGrant(org, mallory.device, { room, epoch: group.last.epoch });
    const bundle = mallory.engine.externalJoin({
      groupInfo: group.alice.engine.exportGroupInfo(groupId),
      ratchetTree: group.relay.tree(),
      aad: group.aad(grant),
    });
    expect(await group.refuse(mallory, bundle, grant)).toBe("ERR_HANDSHAKE_SENDER");
  });

  test("a device that lost its state resyncs in place of its own leaf", async () => {
    const lost = start(org, bob.device);
    const { room, groupId } = group;
    const grant = await testGrant(org, bob.device, { room, epoch: group.last.epoch });
    const resyncLeafIndex = group.leafIndexOf(bob);
    const bundle = lost.engine.externalJoin({
      groupInfo: group.alice.engine.exportGroupInfo(groupId),
      ratchetTree: group.relay.tree(),
      aad: group.aad(grant),
      resyncLeafIndex,
    });
    const view = await group.accept(lost, bundle, grant);
    expect(view).toMatchObject({ kind: "external", removed: [resyncLeafIndex] });
  });
});
