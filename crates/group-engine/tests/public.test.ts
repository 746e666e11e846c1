import type { CommitSummary, PublicGroupView } from "@cloister/group-engine/types";
import { expect, test } from "vitest";
import { Device, emptyBytes, publicEngine, utf8 } from "./support/engines.ts";
import { Random } from "./support/random.ts";
import { codeOf, createRoom, deviceAt, type Room } from "./support/rooms.ts";

/** Of a member's commit, from the end: membership tag, confirmation tag, signature (§6.2). */
const tagFieldBytes = 33;

function follow(room: Room): PublicGroupView {
  const { groupId } = room;
  const { engine } = deviceAt(room, 0);
  return publicEngine().fromGroupInfo({
    groupInfo: engine.exportGroupInfo(groupId),
    ratchetTree: engine.exportTree(groupId),
  });
}

function flipped(bytes: Uint8Array, fromEnd: number): Uint8Array {
  const copy = bytes.slice();
  const index = copy.length - fromEnd;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

/** A removed device cannot know the hashes of the epoch that it is not in. */
function withoutHashes(summary: CommitSummary): CommitSummary {
  const hidden = { treeHash: emptyBytes, confirmedTranscriptHash: emptyBytes };
  return { ...summary, contextAfter: { ...summary.contextAfter, ...hidden } };
}

test("the public engine follows 50 random commits and agrees with the members' tree hash", () => {
  const random = new Random(50);
  const room = createRoom(random, ["a", "b", "c", "d"]);
  const { groupId } = room;
  let view = follow(room);
  const present = new Map(room.devices.map((device, leaf) => [leaf, device]));
  for (let round = 0; round < 50; round += 1) {
    const [leaf, committer] = random.pick([...present]);
    const others = [...present.keys()].filter((index) => index !== leaf);
    const removes = others.length > 3 && random.chance(40) ? [random.pick(others)] : [];
    const guests = random.chance(50) ? [new Device(`guest ${round}`, random)] : [];
    const adds = guests.map((guest) => guest.engine.keyPackage().keyPackage);
    const bundle = committer.engine.commit({ groupId, adds, removes, aad: utf8(`${round}`) });
    const summary = view.process(bundle.commit);
    expect(summary).toEqual(bundle.summary);
    view.verifyGroupInfo(bundle.groupInfo);
    for (const [index, device] of present) {
      if (index === leaf) {
        device.engine.mergePending(groupId);
        continue;
      }
      const staged = device.engine.stage(groupId, bundle.commit);
      expect(staged.summary).toEqual(staged.removesOwnLeaf ? withoutHashes(summary) : summary);
      device.engine.mergeStaged(groupId);
    }
    view.merge();
    view.verifyGroupInfo(bundle.groupInfo);
    for (const index of removes) present.delete(index);
    const ratchetTree = view.tree();
    for (const guest of guests) {
      const { welcome = emptyBytes } = bundle;
      const { ownLeafIndex } = guest.engine.joinWelcome({ welcome, ratchetTree });
      present.set(ownLeafIndex, guest);
    }
    expect(view.context()).toEqual(committer.engine.context(groupId));
    expect(view.members()).toEqual(committer.engine.members(groupId));
    expect(view.tree()).toEqual(committer.engine.exportTree(groupId));
    if (random.chance(20)) view = publicEngine().restore(view.serialize());
  }
  expect(view.epoch()).toBe(51n);
});

test("an external commit is validated; the committer's GroupInfo is compared before the merge", () => {
  const random = new Random(51);
  const room = createRoom(random, ["alice", "bob"]);
  const { groupId } = room;
  const view = follow(room);
  using carol = new Device("carol", random);
  const alice = deviceAt(room, 0);
  const groupInfo = alice.engine.exportGroupInfo(groupId);
  const joined = carol.engine.externalJoin({
    groupInfo,
    ratchetTree: view.tree(),
    aad: utf8("grant"),
  });
  expect(view.process(joined.commit)).toEqual(joined.summary);
  expect(codeOf(() => view.verifyGroupInfo(groupInfo))).toBe("group-info.mismatch");
  expect(codeOf(() => view.verifyGroupInfo(flipped(joined.groupInfo, 1)))).toBe(
    "group-info.signature-invalid",
  );
  view.verifyGroupInfo(joined.groupInfo);
  view.merge();
  view.verifyGroupInfo(joined.groupInfo);
  expect(codeOf(() => view.verifyGroupInfo(groupInfo))).toBe("group-info.mismatch");
});

test("a flipped signature and an old epoch are refused by the public engine", () => {
  const room = createRoom(new Random(52), ["alice", "bob"]);
  const { groupId } = room;
  const view = follow(room);
  const { commit } = deviceAt(room, 1).engine.commit({ groupId, aad: emptyBytes });
  const signatureFlipped = flipped(commit, 2 * tagFieldBytes + 1);
  expect(codeOf(() => view.process(signatureFlipped))).toBe("message.signature-invalid");
  view.process(commit);
  expect(codeOf(() => view.process(commit))).toBe("group.pending-commit");
  view.merge();
  expect(codeOf(() => view.process(commit))).toBe("message.wrong-epoch");
  expect(codeOf(() => view.merge())).toBe("group.no-staged-commit");
});

test("a bad confirmation or membership tag passes the public engine, and no member", () => {
  const room = createRoom(new Random(53), ["alice", "bob", "carol"]);
  const { groupId } = room;
  const view = follow(room);
  const [alice, bob] = [deviceAt(room, 0), deviceAt(room, 1)];
  const { commit, groupInfo } = bob.engine.commit({ groupId, aad: emptyBytes });
  const badConfirmation = flipped(commit, tagFieldBytes + 1);
  const badMembership = flipped(commit, 1);
  expect(view.process(badConfirmation).hasPath).toBe(true);
  // The committer's GroupInfo repeats the tag, so a relay that compares them finds it after all,
  // unless the committer lies in both.
  expect(codeOf(() => view.verifyGroupInfo(groupInfo))).toBe("group-info.mismatch");
  view.drop();
  expect(view.process(badMembership).hasPath).toBe(true);
  view.drop();
  for (const bad of [badConfirmation, badMembership]) {
    expect(codeOf(() => alice.engine.stage(groupId, bad))).toBe("message.tag-invalid");
  }
  expect(alice.engine.epoch(groupId)).toBe(1n);
  view.process(commit);
  view.merge();
  alice.engine.stage(groupId, commit);
  alice.engine.mergeStaged(groupId);
  expect(view.context()).toEqual(alice.engine.context(groupId));
});

test("a tree that is not the GroupInfo's, and a corrupt stored state, are refused", () => {
  const random = new Random(54);
  const [room, other] = [createRoom(random, ["alice", "bob"]), createRoom(random, ["carol"])];
  const view = follow(room);
  const groupInfo = deviceAt(other, 0).engine.exportGroupInfo(other.groupId);
  const open = () => publicEngine().fromGroupInfo({ groupInfo, ratchetTree: view.tree() });
  expect(codeOf(open)).toMatch(/^(tree|group-info)\./);
  const state = view.serialize();
  expect(codeOf(() => publicEngine().restore(state.subarray(0, 200)))).toBe("store.corrupt");
  expect(codeOf(() => publicEngine().restore(emptyBytes))).toBe("store.corrupt");
});

test("a released group and a disposed engine say so", () => {
  const room = createRoom(new Random(55), ["alice"]);
  const view = follow(room);
  view[Symbol.dispose]();
  view[Symbol.dispose]();
  expect(codeOf(() => view.epoch())).toBe("engine.disposed");
});
