import { addMs, idBytes, type RoomId } from "@cloister/base";
import { commonV1, roomsV1 } from "@cloister/proto";
import { beforeEach, describe, expect, test } from "vitest";
import { bodies } from "../build/bodies.ts";
import { rulesErrors } from "../errors.ts";
import { orgScope, projectScope, roomScope } from "../state/scope.ts";
import {
  accountKey,
  firstDevice,
  serviceKeys,
  type TestAccount,
  type TestCommitOptions,
  type TestDevice,
  TestOrg,
  TestRoom,
  testDevice,
  testGrant,
  testService,
} from "../testing/index.ts";
import { signEnvelope } from "../tokens/signed.ts";
import { isVoidHandshake, parseHandshake } from "./handshake.ts";
import { unentitledLeaves } from "./leaf.ts";
import { verifyCreation } from "./verify-creation.ts";

let org: TestOrg;
let alice: TestDevice;
let bob: TestAccount;
let roomId: RoomId;
let room: TestRoom;

beforeEach(async () => {
  org = await TestOrg.create();
  alice = firstDevice(org.owner);
  bob = await org.addMember();
  roomId = await org.createRoom({ members: [bob] });
  room = new TestRoom(org, roomId, alice);
  await room.create();
});

/** Every refusal has its code, and says that the handshake is void unless told otherwise. */
async function expectVoid(options: TestCommitOptions, code: string, verify = {}): Promise<void> {
  const made = await room.commit(options);
  let thrown: unknown;
  try {
    room.verify(made, verify);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code });
  expect(isVoidHandshake(thrown)).toBe(true);
}

describe("creation", () => {
  const verify = (made: Awaited<ReturnType<TestRoom["creation"]>>) =>
    verifyCreation(org.state, { room: roomId, ...made });

  test("by an owner over the room who is a member, alone in the room's own group", async () => {
    expect(verify(await room.creation())).toMatchObject({ kind: "creation", epoch: 0n, index: 0 });
  });

  test("by a user of the room, or by an owner who is no member", async () => {
    const byBob = await room.creation({ by: firstDevice(bob) });
    expect(() => verify(byBob)).toThrow(expect.objectContaining({ code: "ERR_HANDSHAKE_SENDER" }));
    await org.setRole(org.owner, roomScope(roomId), undefined);
    const outside = await room.creation();
    expect(() => verify(outside)).toThrow(
      expect.objectContaining({ code: "ERR_HANDSHAKE_SENDER" }),
    );
  });

  test("with another leaf beside his own, or with another's", async () => {
    const leaves = [room.leafOf(alice), room.leafOf(firstDevice(bob))];
    for (const members of [leaves, leaves.slice(1), []]) {
      const made = await room.creation({ group: { members } });
      expect(() => verify(made)).toThrow(expect.objectContaining({ code: "ERR_HANDSHAKE_SENDER" }));
    }
  });

  test("of another group, room or epoch, or with foreign extensions in its context", async () => {
    const own = room.context(0n);
    const otherRoom = await org.createRoom();
    const other = new TestRoom(org, otherRoom, alice).context(0n);
    for (const change of [
      { groupId: other.groupId },
      { contextExtension: other.contextExtension },
      { epoch: 1n },
      { foreignExtensions: true },
    ]) {
      const made = await room.creation({ group: { context: { ...own, ...change } } });
      expect(() => verify(made)).toThrow(
        expect.objectContaining({ code: "ERR_HANDSHAKE_CONTEXT" }),
      );
    }
  });

  test("carries a tree and neither commit, Welcome, grant nor refusal", async () => {
    const bytes = Uint8Array.of(1);
    for (const record of [
      { ratchetTree: new Uint8Array(0) },
      { commit: bytes },
      { welcome: bytes },
      { grant: bytes },
      { refuses: bytes },
      { epoch: 1n },
    ]) {
      const made = await room.creation({ record });
      expect(() => verify(made)).toThrow(expect.objectContaining({ code: "ERR_HANDSHAKE_SHAPE" }));
    }
  });
});

describe("the record of a commit", () => {
  test("a self-update by a member stands, and the next one follows it", async () => {
    const first = await room.apply({ by: alice });
    expect(first).toMatchObject({ kind: "member", epoch: 1n, index: 1, removed: [], added: [] });
    expect(await room.apply({ by: alice })).toMatchObject({ epoch: 2n, index: 2 });
  });

  test("its hash is that of the whole record, and its device the one named", async () => {
    const { record } = await room.commit({ by: alice });
    const { device, index, message } = parseHandshake(record);
    expect([device, index, message.epoch]).toEqual([alice.certificate.device, 1, 0n]);
  });

  test("signed by another device, another key, or altered after signing", async () => {
    await room.apply({ by: firstDevice(bob), kind: "external" });
    const options = { by: alice, signer: firstDevice(bob).statement };
    await expectVoid(options, "ERR_HANDSHAKE_SIGNATURE");
    const made = await room.commit({ by: alice });
    const signed = roomsV1.SignedHandshake.decode(made.record);
    const message = roomsV1.Handshake.decode(signed.handshake);
    const handshake = roomsV1.Handshake.encode({
      ...message,
      groupInfo: Uint8Array.of(2),
    }).finish();
    const altered = roomsV1.SignedHandshake.encode({ ...signed, handshake }).finish();
    expect(() => room.verify({ ...made, record: altered })).toThrow(
      expect.objectContaining({ code: "ERR_HANDSHAKE_SIGNATURE" }),
    );
  });

  test("of a device revoked at the commit's log size", async () => {
    const second = await org.addDevice(org.owner);
    await org.revokeDevice(org.owner, alice, second);
    await expectVoid({ by: alice }, "ERR_HANDSHAKE_SENDER");
  });

  test("of another room, epoch or place in the order", async () => {
    const otherRoom = await org.createRoom();
    const made = await room.commit({ by: alice });
    expect(() => room.verify(made, { room: otherRoom })).toThrow(
      expect.objectContaining({ code: "ERR_HANDSHAKE_ROOM" }),
    );
    expect(() => room.verify(made, { index: 2 })).toThrow(
      expect.objectContaining({ code: "ERR_HANDSHAKE_POSITION" }),
    );
    await expectVoid({ by: alice, facts: { epoch: 1n } }, "ERR_HANDSHAKE_POSITION");
    await expectVoid({ by: alice, record: { epoch: 1n } }, "ERR_HANDSHAKE_POSITION");
  });

  test("bound to another room, version, predecessor, log or grant", async () => {
    const otherRoom = await org.createRoom();
    const hash = new Uint8Array(32).fill(1);
    for (const binding of [
      { room: otherRoom },
      { rulesVersion: 2 },
      { previousHash: hash },
      { logSize: org.size - 1 },
      { logRoot: hash },
      { grantHash: hash },
    ]) {
      await expectVoid({ by: alice, binding }, "ERR_HANDSHAKE_BINDING");
    }
    const other = await TestOrg.create({ seed: "other" });
    await expectVoid({ by: alice, binding: { org: other.id } }, "ERR_HANDSHAKE_BINDING");
    await expectVoid({ by: alice, facts: { aad: new Uint8Array(0) } }, "ERR_MESSAGE_INVALID");
    await expectVoid({ by: alice, facts: { aad: Uint8Array.of(0xff) } }, "ERR_MESSAGE_MALFORMED");
  });

  test("under a smaller log than the last", async () => {
    const at = org.size;
    await org.addMember();
    await room.apply({ by: alice });
    await expectVoid({ by: alice, at }, "ERR_HANDSHAKE_LOG_SIZE_FELL");
  });

  test("with a checkpoint that the log did not sign", async () => {
    const other = await TestOrg.create({ seed: "other" });
    for (const checkpoint of [other.checkpointAt(1), Uint8Array.of(1, 2, 3)]) {
      await expectVoid({ by: alice, record: { checkpoint } }, "ERR_HANDSHAKE_CHECKPOINT");
    }
  });

  test("under a head that the log signed beside the known one: a fork, which stops and voids nothing", async () => {
    const payload = commonV1.Checkpoint.encode({
      orgId: idBytes(org.id),
      size: BigInt(org.size),
      root: new Uint8Array(32).fill(1),
      stateRoot: new Uint8Array(0),
      timeMs: BigInt(org.nowMs),
    }).finish();
    const checkpoint = await signEnvelope("checkpoint", { org: org.id, payload }, org.logKey);
    const made = await room.commit({ by: alice, record: { checkpoint } });
    let thrown: unknown;
    try {
      room.verify(made);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: "ERR_VERIFICATION_LOG_FORK" });
    expect(isVoidHandshake(thrown)).toBe(false);
  });

  test("made under a longer log than the reader's is not void: the reader fetches first", async () => {
    const { openReplica } = await import("../log/replica.ts");
    const [record] = org.records;
    if (record === undefined) throw new TypeError("no record");
    const short = openReplica({ record });
    const made = await room.commit({ by: alice });
    const { verifyHandshake } = await import("./verify-handshake.ts");
    const query = { room: roomId, ...made, index: 1, previous: room.last, roster: room.leaves };
    let thrown: unknown;
    try {
      verifyHandshake(short.state, query);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: "ERR_HANDSHAKE_LOG_AHEAD", retryable: true });
    expect(isVoidHandshake(thrown)).toBe(false);
  });

  test("changes nothing of the context, and has a path", async () => {
    const after = room.context(1n);
    for (const facts of [
      { contextChanged: true },
      { contextAfter: { ...after, foreignExtensions: true } },
      { contextAfter: { ...after, epoch: 2n } },
      { groupId: new Uint8Array(32) },
      { contextAfter: { ...after, groupId: new Uint8Array(32) } },
    ]) {
      await expectVoid({ by: alice, facts }, "ERR_HANDSHAKE_CONTEXT");
    }
    const contextExtension = new Uint8Array(0);
    const unbound = { contextAfter: { ...after, contextExtension } };
    await expectVoid({ by: alice, facts: unbound }, "ERR_MESSAGE_INVALID");
    await expectVoid({ by: alice, facts: { hasPath: false } }, "ERR_HANDSHAKE_PATH");
  });

  test("has the parts that its commit wants: no tree, a Welcome with an Add, a grant with a join", async () => {
    const bytes = Uint8Array.of(1);
    const none = new Uint8Array(0);
    for (const record of [{ commit: none }, { ratchetTree: bytes }, { welcome: bytes }]) {
      await expectVoid({ by: alice, record }, "ERR_HANDSHAKE_SHAPE");
    }
    const adds = [firstDevice(bob)];
    await expectVoid({ by: alice, adds, record: { welcome: none } }, "ERR_HANDSHAKE_SHAPE");
    const grant = await testGrant(org, alice, { room: roomId, epoch: 0n });
    await expectVoid({ by: alice, record: { grant } }, "ERR_HANDSHAKE_SHAPE");
  });

  test("refuses a rival of its epoch where one stands before it, and only then", async () => {
    const rival = parseHandshake((await room.commit({ by: alice })).record).hash;
    const refuses = { by: alice, record: { refuses: rival, index: 2n } };
    const second = { index: 2, rivals: [rival] };
    expect(room.verify(await room.commit(refuses), second)).toMatchObject({ epoch: 1n, index: 2 });
    await expectVoid({ by: alice, record: { refuses: rival } }, "ERR_HANDSHAKE_REFUSES");
    await expectVoid({ by: alice, record: { index: 2n } }, "ERR_HANDSHAKE_REFUSES", second);
    const other = { refuses: new Uint8Array(32), index: 2n };
    await expectVoid({ by: alice, record: other }, "ERR_HANDSHAKE_REFUSES", second);
  });
});

describe("a member's commit", () => {
  test("of a leaf that is not the signing device's, or that is not entitled", async () => {
    const other = room.leafOf(firstDevice(bob));
    for (const facts of [
      { sender: other },
      { senderBefore: other },
      { senderBefore: undefined },
      { sender: { ...room.leafOf(alice), signatureKey: other.signatureKey } },
    ]) {
      await expectVoid({ by: alice, facts }, "ERR_HANDSHAKE_SENDER");
    }
    await room.apply({ by: firstDevice(bob), kind: "external" });
    await org.setRole(bob, roomScope(roomId), undefined);
    await expectVoid({ by: firstDevice(bob) }, "ERR_HANDSHAKE_SENDER");
  });

  test("removes the leaves that the log no longer entitles, and leaves none of them behind", async () => {
    const second = await org.addDevice(bob);
    await room.apply({ by: firstDevice(bob), kind: "external" });
    await room.apply({ by: second, kind: "external" });
    await org.setRole(bob, roomScope(roomId), undefined);
    const query = { room: roomId, at: org.size, leaves: room.leaves };
    expect(unentitledLeaves(org.state, query)).toHaveLength(2);
    await expectVoid({ by: alice }, "ERR_HANDSHAKE_LEAF_LEFT");
    await expectVoid({ by: alice, removes: [second] }, "ERR_HANDSHAKE_LEAF_LEFT");
    const removes = [firstDevice(bob), second];
    expect(await room.apply({ by: alice, removes })).toMatchObject({ removed: [1, 2] });
  });

  test("a revoked device's leaf likewise, while the account's others stay", async () => {
    const second = await org.addDevice(bob);
    await room.apply({ by: firstDevice(bob), kind: "external" });
    await room.apply({ by: second, kind: "external" });
    await org.revokeDevice(bob, firstDevice(bob), second);
    await expectVoid({ by: alice }, "ERR_HANDSHAKE_LEAF_LEFT");
    await expectVoid({ by: alice, removes: [firstDevice(bob), second] }, "ERR_HANDSHAKE_REMOVE");
    await room.apply({ by: alice, removes: [firstDevice(bob)] });
    expect(room.leaves).toHaveLength(2);
  });

  test("removes nobody whom the log entitles", async () => {
    await room.apply({ by: firstDevice(bob), kind: "external" });
    await expectVoid({ by: alice, removes: [firstDevice(bob)] }, "ERR_HANDSHAKE_REMOVE");
  });

  test("by the log that it names: what was stated later does not make it void", async () => {
    await room.apply({ by: firstDevice(bob), kind: "external" });
    const at = org.size;
    await org.setRole(bob, roomScope(roomId), undefined);
    expect(room.verify(await room.commit({ by: alice, at }))).toMatchObject({ epoch: 2n });
    await expectVoid({ by: alice }, "ERR_HANDSHAKE_LEAF_LEFT");
  });

  test("standalone proposals and proposals by reference do not exist", async () => {
    for (const kind of ["add", "remove", "update"]) {
      const facts = { proposals: [{ kind, byReference: true }] };
      await expectVoid({ by: alice, facts }, "ERR_HANDSHAKE_BY_REFERENCE");
    }
  });

  test("no PSK, reinit, context change, inline update, external init or unknown proposal", async () => {
    const kinds = [
      "pre-shared-key",
      "re-init",
      "group-context-extensions",
      "update",
      "external-init",
      "unknown",
    ];
    for (const kind of kinds) {
      const facts = { proposals: [{ kind, byReference: false }] };
      await expectVoid({ by: alice, facts }, "ERR_HANDSHAKE_PROPOSAL");
    }
  });

  test("an owner over the room adds an entitled device, a user does not", async () => {
    const carol = await org.addMember();
    await org.setRole(carol, roomScope(roomId), "user");
    await room.apply({ by: alice, adds: [firstDevice(bob)] });
    await expectVoid({ by: firstDevice(bob), adds: [firstDevice(carol)] }, "ERR_HANDSHAKE_ADD");
    const added = { device: firstDevice(carol).certificate.device, account: carol.id };
    const view = await room.apply({ by: alice, adds: [firstDevice(carol)] });
    expect(view.added).toMatchObject([added]);
  });

  test("nobody adds who the log does not entitle: no role, revoked, another key, another's name", async () => {
    const stranger = await org.addMember();
    await expectVoid({ by: alice, adds: [firstDevice(stranger)] }, "ERR_HANDSHAKE_ADD");
    const leaf = room.leafOf(firstDevice(bob));
    const wrongKey = { ...leaf, signatureKey: room.leafOf(alice).signatureKey };
    const unknown = room.leafOf(testDevice(bob.id, org.random));
    const otherName = { ...leaf, credential: room.leafOf(firstDevice(stranger)).credential };
    const proposals = [{ kind: "add", byReference: false }];
    for (const bad of [wrongKey, unknown, otherName, { ...leaf, credential: Uint8Array.of(1) }]) {
      const facts = { adds: [bad], proposals };
      await expectVoid({ by: alice, facts }, "ERR_HANDSHAKE_ADD");
    }
  });

  test("no Add under a policy that wants a factor of anybody, on any level", async () => {
    const project = org.state.rooms.get(roomId)?.project;
    if (project === undefined) throw new TypeError("no room");
    const factors = [{ factor: "totp", maxAgeSeconds: undefined } as const];
    const adds = [firstDevice(bob)];
    for (const scope of [orgScope, projectScope(project), roomScope(roomId)]) {
      await org.setPolicy(scope, { factors, exemptRoles: ["user", "owner"] });
      await expectVoid({ by: alice, adds }, "ERR_HANDSHAKE_ADD_POLICY");
      await org.setPolicy(scope, {});
    }
    await org.setPolicy(orgScope, { deniedAccounts: [bob.id] });
    await expectVoid({ by: alice, adds }, "ERR_HANDSHAKE_ADD_POLICY");
    await org.setPolicy(orgScope, { deviceMinAgeSeconds: 3600 });
    await expectVoid({ by: alice, adds }, "ERR_HANDSHAKE_ADD_POLICY");
    await org.setPolicy(orgScope, {});
    await room.apply({ by: alice, adds });
  });

  test("one leaf a device: neither added twice nor beside the one that it has", async () => {
    const leaf = room.leafOf(firstDevice(bob));
    const facts = {
      adds: [leaf, leaf],
      proposals: [1, 2].map(() => ({ kind: "add", byReference: false })),
    };
    await expectVoid({ by: alice, facts }, "ERR_HANDSHAKE_DUPLICATE_LEAF");
    await room.apply({ by: alice, adds: [firstDevice(bob)] });
    await expectVoid({ by: alice, adds: [firstDevice(bob)] }, "ERR_HANDSHAKE_DUPLICATE_LEAF");
  });
});

describe("an external join", () => {
  const join = () => ({ by: firstDevice(bob), kind: "external" }) as const;

  test("with a role and a grant it stands; again, it resyncs in place of its own leaf", async () => {
    expect(await room.apply(join())).toMatchObject({ kind: "external", epoch: 1n });
    await expectVoid(join(), "ERR_HANDSHAKE_DUPLICATE_LEAF");
    expect(await room.apply({ ...join(), removes: [firstDevice(bob)] })).toMatchObject({
      removed: [1],
    });
  });

  test("without a role in the room, though with a grant", async () => {
    const stranger = await org.addMember();
    await expectVoid({ by: firstDevice(stranger), kind: "external" }, "ERR_HANDSHAKE_SENDER");
    await org.setRole(stranger, orgScope, "owner");
    await expectVoid({ by: firstDevice(stranger), kind: "external" }, "ERR_HANDSHAKE_SENDER");
  });

  test("without a grant", async () => {
    const record = { grant: new Uint8Array(0) };
    await expectVoid({ ...join(), record }, "ERR_HANDSHAKE_GRANT_MISSING");
  });

  test("with another device's, room's, epoch's or key's grant", async () => {
    const other = await org.createRoom({ members: [bob] });
    const second = await org.addDevice(bob);
    const renamed = (change: Partial<TestDevice["certificate"]>): TestDevice => ({
      ...firstDevice(bob),
      certificate: { ...firstDevice(bob).certificate, ...change },
    });
    const swapped = {
      ...firstDevice(bob),
      certificate: { ...firstDevice(bob).certificate, leafKey: second.certificate.leafKey },
    };
    for (const grant of [
      await testGrant(org, alice, { room: roomId, epoch: 0n }),
      await testGrant(org, second, { room: roomId, epoch: 0n }),
      await testGrant(org, swapped, { room: roomId, epoch: 0n }),
      await testGrant(org, renamed({ account: org.owner.id }), { room: roomId, epoch: 0n }),
      await testGrant(org, renamed({ device: second.certificate.device }), {
        room: roomId,
        epoch: 0n,
      }),
      await testGrant(org, firstDevice(bob), { room: other, epoch: 0n }),
      await testGrant(org, firstDevice(bob), { room: roomId, epoch: 1n }),
    ]) {
      await expectVoid({ ...join(), record: { grant } }, "ERR_HANDSHAKE_GRANT");
    }
  });

  test("under a stale policy: the grant's is not the one in force at the commit's log size", async () => {
    const grant = await testGrant(org, firstDevice(bob), { room: roomId, epoch: 0n });
    const at = org.size;
    await org.setPolicy(roomScope(roomId), { sessionMaxAgeSeconds: 60 });
    await expectVoid({ ...join(), record: { grant } }, "ERR_HANDSHAKE_GRANT_POLICY");
    expect(room.verify(await room.commit({ ...join(), at, record: { grant } }))).toBeDefined();
  });

  test("with a grant of a gateway that is unauthorised, revoked, or of another org", async () => {
    const gateway = testService("gateway", org.random);
    const of = (service: typeof gateway) =>
      testGrant(org, firstDevice(bob), { room: roomId, epoch: 0n, gateway: service });
    const record = { grant: await of(gateway) };
    await expectVoid({ ...join(), record }, "ERR_VERIFICATION_GATEWAY");
    await org.submit(bodies.gatewaySet({ ...serviceKeys(org.gateway), revoked: true }));
    await expectVoid(
      { ...join(), record: { grant: await of(org.gateway) } },
      "ERR_VERIFICATION_GATEWAY",
    );
    const other = await TestOrg.create({ seed: "other" });
    const foreignRoom = await other.createRoom();
    const foreign = await testGrant(other, firstDevice(other.owner), {
      room: foreignRoom,
      epoch: 0n,
    });
    await expectVoid({ ...join(), record: { grant: foreign } }, "ERR_VERIFICATION_ORG");
  });

  test("an expired grant is refused by the relay alone", async () => {
    const made = await room.commit(join());
    const relayNowMs = addMs(org.nowMs, 61_000);
    expect(() => room.verify(made, { relayNowMs })).toThrow(
      expect.objectContaining({ code: "ERR_VERIFICATION_TOKEN_EXPIRED" }),
    );
    expect(room.verify(made)).toMatchObject({ kind: "external" });
    expect(room.verify(made, { relayNowMs: org.nowMs })).toMatchObject({ kind: "external" });
  });

  test("removes no other device, not even another of the same account", async () => {
    const second = await org.addDevice(bob);
    await room.apply({ by: second, kind: "external" });
    await expectVoid({ ...join(), removes: [alice] }, "ERR_HANDSHAKE_REMOVE");
    await expectVoid({ ...join(), removes: [second] }, "ERR_HANDSHAKE_REMOVE");
    await room.apply(join());
    const removes = [firstDevice(bob), second];
    await expectVoid({ ...join(), removes }, "ERR_HANDSHAKE_REMOVE");
    const own = { ...room.leafOf(firstDevice(bob)), leafIndex: 2 };
    const twice = { removes: [own, { ...own, leafIndex: 3 }] };
    await expectVoid({ ...join(), facts: twice }, "ERR_HANDSHAKE_REMOVE");
  });

  test("adds nobody, and has exactly one external init", async () => {
    const carol = await org.addMember();
    const adds = [room.leafOf(firstDevice(carol))];
    const init = { kind: "external-init", byReference: false };
    await expectVoid(
      { ...join(), facts: { adds, proposals: [init] }, record: { welcome: Uint8Array.of(1) } },
      "ERR_HANDSHAKE_PROPOSAL",
    );
    for (const proposals of [
      [],
      [init, init],
      [init, { kind: "pre-shared-key", byReference: false }],
    ]) {
      await expectVoid({ ...join(), facts: { proposals } }, "ERR_HANDSHAKE_PROPOSAL");
    }
  });

  test("of a device whose certificate has expired at the commit's log time", async () => {
    const device = testDevice(bob.id, org.random);
    const certificate = { ...device.certificate, expiresMs: addMs(org.nowMs, 2_500) };
    await org.submit(bodies.deviceCertified(certificate), {
      device: firstDevice(bob),
      keys: [accountKey(bob)],
    });
    const by = { ...device, certificate };
    expect(room.verify(await room.commit({ by, kind: "external" }))).toBeDefined();
    await org.addMember();
    await expectVoid({ by, kind: "external" }, "ERR_HANDSHAKE_SENDER");
  });
});

describe("[F45] a verdict is void only for a reason on the closed list", () => {
  test("every reason of a handshake's own is on it, but that the reader's log is short", () => {
    const reasons = Object.values(rulesErrors)
      .map((make) => make("why"))
      .filter(({ code }) => code.startsWith("ERR_HANDSHAKE_"));
    expect(reasons.length).toBeGreaterThan(20);
    expect(reasons.filter((error) => !isVoidHandshake(error)).map(({ code }) => code)).toEqual([
      "ERR_HANDSHAKE_LOG_AHEAD",
    ]);
  });

  test("what is local or not judged is none: a fork, a token's end, an unknown size, a bug", () => {
    const local = [
      rulesErrors.ERR_VERIFICATION_LOG_FORK("two roots"),
      rulesErrors.ERR_VERIFICATION_LOG_ROLLBACK("went back"),
      rulesErrors.ERR_VERIFICATION_TOKEN_EXPIRED("by whose clock"),
      rulesErrors.ERR_RULES_LOG_SIZE("beyond what is known"),
      rulesErrors.ERR_RULES_REPLICA_STALE("an older replica"),
      new TypeError("a bug"),
    ];
    expect(local.filter(isVoidHandshake)).toEqual([]);
  });
});
