import { expect, test } from "vitest";
import { Device, emptyBytes, hex, utf8 } from "./support/engines.ts";
import { Random } from "./support/random.ts";
import { codeOf, createRoom, deviceAt } from "./support/rooms.ts";

test("members read each other's messages, with sender, epoch and authenticated data", () => {
  const room = createRoom(new Random(1), ["alice", "bob", "carol"]);
  const { groupId } = room;
  const [alice, bob, carol] = [deviceAt(room, 0), deviceAt(room, 1), deviceAt(room, 2)];
  const message = alice.engine.seal({ groupId, plaintext: utf8("hello"), aad: utf8("aad") });
  for (const reader of [bob, carol]) {
    const opened = reader.engine.open(groupId, message);
    expect(opened).toEqual({
      plaintext: utf8("hello"),
      senderLeafIndex: 0,
      senderCredential: alice.credential,
      senderSignatureKey: alice.engine.signatureKey,
      epoch: 1n,
      aad: utf8("aad"),
    });
  }
  expect(codeOf(() => alice.engine.open(groupId, message))).toBe("message.own");
});

test("a commit is described alike to its maker and its readers, and moves all to one epoch", () => {
  const room = createRoom(new Random(2), ["alice", "bob", "carol"]);
  const { groupId } = room;
  const [alice, bob, carol] = [deviceAt(room, 0), deviceAt(room, 1), deviceAt(room, 2)];
  const bundle = bob.engine.commit({
    groupId,
    removes: [2],
    contextExtension: utf8("org/room/2"),
    aad: utf8("why"),
  });
  expect(bundle.summary).toMatchObject({
    epoch: 1n,
    senderKind: "member",
    senderLeafIndex: 1,
    sender: { credential: bob.credential },
    removes: [{ leafIndex: 2, credential: carol.credential }],
    proposals: [
      { kind: "remove", byReference: false },
      { kind: "group-context-extensions", byReference: false },
    ],
    hasPath: true,
    updatesOwnLeafOnly: false,
    contextChanged: true,
    contextExtensionBefore: utf8("org/room/1"),
    contextAfter: { epoch: 2n, contextExtension: utf8("org/room/2"), foreignExtensions: false },
    aad: utf8("why"),
  });
  const staged = alice.engine.stage(groupId, bundle.commit);
  expect(staged.summary).toEqual(bundle.summary);
  const atCarol = carol.engine.stage(groupId, bundle.commit);
  expect(atCarol).toMatchObject({ removesOwnLeaf: true, epochAuthenticatorAfter: undefined });
  for (const device of [alice, carol]) device.engine.mergeStaged(groupId);
  const echo = bob.engine.stage(groupId, bundle.commit);
  expect(echo.own).toBe(true);
  expect(echo.summary).toEqual(bundle.summary);
  bob.engine.mergeStaged(groupId);
  expect(alice.engine.epochAuthenticator(groupId)).toEqual(bob.engine.epochAuthenticator(groupId));
  expect(staged.epochAuthenticatorAfter).toEqual(bob.engine.epochAuthenticator(groupId));
  expect(carol.engine.isActive(groupId)).toBe(false);
});

test("a removed member cannot open what follows, with its whole state", () => {
  const room = createRoom(new Random(3), ["alice", "bob"]);
  const { groupId } = room;
  const [alice, bob] = [deviceAt(room, 0), deviceAt(room, 1)];
  const bundle = alice.engine.commit({ groupId, removes: [1], aad: emptyBytes });
  alice.engine.mergePending(groupId);
  const later = alice.engine.seal({ groupId, plaintext: utf8("without bob"), aad: emptyBytes });
  expect(codeOf(() => bob.engine.open(groupId, later))).toBe("message.wrong-epoch");
  bob.engine.stage(groupId, bundle.commit);
  bob.engine.mergeStaged(groupId);
  expect(codeOf(() => bob.engine.open(groupId, later))).toBe("group.inactive");
  const seal = () => bob.engine.seal({ groupId, plaintext: utf8("x"), aad: emptyBytes });
  expect(codeOf(seal)).toBe("group.inactive");
});

test("write sets alone restore a member, with its pending commit", () => {
  const room = createRoom(new Random(4), ["alice", "bob"]);
  const { groupId } = room;
  const [alice, bob] = [deviceAt(room, 0), deviceAt(room, 1)];
  const first = alice.engine.seal({ groupId, plaintext: utf8("one"), aad: emptyBytes });
  alice.persist();
  bob.engine.open(groupId, first);
  const { commit } = bob.engine.commit({ groupId, aad: emptyBytes });
  bob.persist();
  for (const device of [alice, bob]) device.crash([groupId]);
  expect(bob.engine.hasPending(groupId)).toBe(true);
  expect(codeOf(() => bob.engine.open(groupId, first))).toBe("message.replayed");
  expect(bob.engine.stage(groupId, commit).own).toBe(true);
  bob.engine.mergeStaged(groupId);
  alice.engine.stage(groupId, commit);
  alice.engine.mergeStaged(groupId);
  const second = alice.engine.seal({ groupId, plaintext: utf8("two"), aad: emptyBytes });
  expect(bob.engine.open(groupId, second).plaintext).toEqual(utf8("two"));
});

test("a tampered message leaves the ratchet intact, a replay is refused", () => {
  const room = createRoom(new Random(5), ["alice", "bob"]);
  const { groupId } = room;
  const [alice, bob] = [deviceAt(room, 0), deviceAt(room, 1)];
  const message = alice.engine.seal({ groupId, plaintext: utf8("hello"), aad: emptyBytes });
  for (let index = 0; index < message.length; index += 1) {
    const tampered = message.slice();
    tampered[index] = (tampered[index] ?? 0) ^ 1;
    expect(codeOf(() => bob.engine.open(groupId, tampered))).toMatch(/^message\./);
  }
  expect(bob.engine.peekWrites()).toEqual({ puts: [], deletes: [] });
  expect(bob.engine.open(groupId, message).plaintext).toEqual(utf8("hello"));
  expect(codeOf(() => bob.engine.open(groupId, message))).toBe("message.replayed");
});

test("messages of a past epoch, a later one and another group each have their code", () => {
  const random = new Random(12);
  const [room, other] = [createRoom(random, ["alice", "bob"]), createRoom(random, ["carol"])];
  const { groupId } = room;
  const [alice, bob] = [deviceAt(room, 0), deviceAt(room, 1)];
  const say = () => alice.engine.seal({ groupId, plaintext: utf8("m"), aad: emptyBytes });
  const past = say();
  const { commit } = alice.engine.commit({ groupId, aad: emptyBytes });
  alice.engine.mergePending(groupId);
  const later = say();
  expect(codeOf(() => bob.engine.open(groupId, later))).toBe("message.wrong-epoch");
  bob.engine.stage(groupId, commit);
  bob.engine.mergeStaged(groupId);
  expect(codeOf(() => bob.engine.open(groupId, past))).toBe("message.wrong-epoch");
  expect(codeOf(() => deviceAt(other, 0).engine.open(other.groupId, later))).toBe(
    "message.wrong-group",
  );
  expect(bob.engine.open(groupId, later).epoch).toBe(2n);
});

test("rollback undoes an operation that was not stored", () => {
  const room = createRoom(new Random(6), ["alice", "bob"]);
  const { groupId } = room;
  const [alice, bob] = [deviceAt(room, 0), deviceAt(room, 1)];
  const message = alice.engine.seal({ groupId, plaintext: utf8("m"), aad: emptyBytes });
  bob.engine.open(groupId, message);
  bob.engine.rollback();
  expect(bob.engine.open(groupId, message).plaintext).toEqual(utf8("m"));
  const { commit } = bob.engine.commit({ groupId, aad: emptyBytes });
  bob.engine.mergePending(groupId);
  bob.engine.rollback();
  expect(bob.engine.epoch(groupId)).toBe(1n);
  expect(bob.engine.hasPending(groupId)).toBe(false);
  expect(alice.engine.stage(groupId, commit).summary.updatesOwnLeafOnly).toBe(true);
});

test("a failed Welcome leaves the key package usable; a used one is gone", () => {
  const random = new Random(7);
  const room = createRoom(random, ["alice"]);
  const { groupId } = room;
  const alice = deviceAt(room, 0);
  using dave = new Device("dave", random);
  const { keyPackage } = dave.engine.keyPackage();
  const bundle = alice.engine.commit({ groupId, adds: [keyPackage], aad: emptyBytes });
  const treeBefore = alice.engine.exportTree(groupId);
  alice.engine.mergePending(groupId);
  const welcome = bundle.welcome ?? emptyBytes;
  const ratchetTree = alice.engine.exportTree(groupId);
  const wrong = () => dave.engine.joinWelcome({ welcome, ratchetTree: treeBefore });
  expect(codeOf(wrong)).toMatch(/^(tree|welcome|group-info)\./);
  expect(dave.engine.joinWelcome({ welcome, ratchetTree })).toMatchObject({ epoch: 1n });
  dave.persist();
  dave.engine.delete(groupId);
  dave.persist();
  expect(codeOf(() => dave.engine.joinWelcome({ welcome, ratchetTree }))).toBe(
    "welcome.not-for-us",
  );
  expect([...dave.disk.values()]).toEqual([]);
});

test("an external join carries its grant; a resync removes the same device's leaf only", () => {
  const random = new Random(8);
  const room = createRoom(random, ["alice", "bob"]);
  const { groupId } = room;
  const [alice, bob] = [deviceAt(room, 0), deviceAt(room, 1)];
  using carol = new Device("carol", random);
  const groupInfo = alice.engine.exportGroupInfo(groupId);
  const ratchetTree = alice.engine.exportTree(groupId);
  const joined = carol.engine.externalJoin({ groupInfo, ratchetTree, aad: utf8("grant") });
  expect(joined.summary).toMatchObject({
    senderKind: "external",
    senderLeafIndex: 2,
    senderBefore: undefined,
    sender: { credential: carol.credential, signatureKey: carol.engine.signatureKey },
    proposals: [{ kind: "external-init", byReference: false }],
    aad: utf8("grant"),
  });
  for (const device of [alice, bob]) {
    expect(device.engine.stage(groupId, joined.commit).summary).toEqual(joined.summary);
    device.engine.mergeStaged(groupId);
  }
  expect(carol.engine.epochAuthenticator(groupId)).toEqual(
    alice.engine.epochAuthenticator(groupId),
  );
  const now = {
    groupInfo: alice.engine.exportGroupInfo(groupId),
    ratchetTree: alice.engine.exportTree(groupId),
    aad: emptyBytes,
  };
  expect(codeOf(() => bob.engine.externalJoin(now))).toBe("group.resync-required");
  expect(codeOf(() => bob.engine.externalJoin({ ...now, resyncLeafIndex: 0 }))).toBe(
    "engine.usage",
  );
  expect(bob.engine.epoch(groupId)).toBe(2n);
  const resynced = bob.engine.externalJoin({ ...now, resyncLeafIndex: 1 });
  expect(resynced.summary.removes.map(({ leafIndex }) => leafIndex)).toEqual([1]);
  expect(alice.engine.stage(groupId, resynced.commit).summary).toEqual(resynced.summary);
  alice.engine.mergeStaged(groupId);
  const message = bob.engine.seal({ groupId, plaintext: utf8("back"), aad: emptyBytes });
  expect(alice.engine.open(groupId, message).plaintext).toEqual(utf8("back"));
});

test("a refused external join can be rolled back, without a trace", () => {
  const random = new Random(9);
  const room = createRoom(random, ["alice"]);
  const alice = deviceAt(room, 0);
  using carol = new Device("carol", random);
  carol.engine.externalJoin({
    groupInfo: alice.engine.exportGroupInfo(room.groupId),
    ratchetTree: alice.engine.exportTree(room.groupId),
    aad: emptyBytes,
  });
  carol.engine.rollback();
  expect(carol.engine.groups()).toEqual([]);
  expect(carol.engine.peekWrites()).toEqual({ puts: [], deletes: [] });
});

test("one device renews its credential; groups unload and come back from the store", () => {
  const room = createRoom(new Random(10), ["alice", "bob"]);
  const { groupId } = room;
  const [alice, bob] = [deviceAt(room, 0), deviceAt(room, 1)];
  const bundle = bob.engine.commit({ groupId, credential: utf8("bob, renewed"), aad: emptyBytes });
  expect(bundle.summary.senderBefore?.credential).toEqual(bob.credential);
  expect(bundle.summary.sender.credential).toEqual(utf8("bob, renewed"));
  expect(codeOf(() => bob.engine.unload(groupId))).toBe("engine.unwritten-changes");
  bob.persist();
  bob.engine.unload(groupId);
  expect(codeOf(() => bob.engine.epoch(groupId))).toBe("group.not-found");
  bob.engine.restore(bob.disk.values());
  bob.engine.load(groupId);
  bob.engine.mergePending(groupId);
  alice.engine.stage(groupId, bundle.commit);
  alice.engine.mergeStaged(groupId);
  expect(alice.engine.members(groupId)).toEqual(bob.engine.members(groupId));
  const ask = { groupId, label: "cloister test", context: utf8("c"), lengthBytes: 32 };
  expect(hex(alice.engine.exportSecret(ask))).toBe(hex(bob.engine.exportSecret(ask)));
});

test("unused key packages are forgotten with their keys", () => {
  using device = new Device("alice", new Random(11));
  const { keyPackage, ref } = device.engine.keyPackage();
  expect(device.engine.inspectKeyPackage(keyPackage)).toEqual({
    credential: device.credential,
    signatureKey: device.engine.signatureKey,
    keyPackageRef: ref,
    suite: 3,
    lastResort: false,
  });
  device.persist();
  expect(device.disk.size).toBeGreaterThan(0);
  device.engine.deleteKeyPackage(ref);
  device.persist();
  expect(device.disk.size).toBe(0);
  expect(codeOf(() => device.engine.deleteKeyPackage(ref))).toBe("key-package.not-found");
});
