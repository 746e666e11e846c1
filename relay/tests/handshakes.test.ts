import { idBytes, type RoomId, sha256 } from "@cloister/base";
import { firstDevice, type TestAccount } from "@cloister/rules/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DeliveryStage } from "./delivery-stage.ts";
import { readHandshake, TestMember } from "./test-member.ts";

describe("handshakes", () => {
  let stage: DeliveryStage;

  beforeAll(async () => {
    stage = await DeliveryStage.start();
    await stage.relay();
  }, 600_000);

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    stage.requireQuiet();
  });

  async function pairInRoom(): Promise<{
    readonly room: RoomId;
    readonly bob: TestAccount;
    readonly owner: TestMember;
    readonly joiner: TestMember;
  }> {
    const { log, room: makeRoom } = stage.org();
    const bob = await log.addMember();
    const room = await makeRoom([bob]);
    const owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    const joiner = await TestMember.connect(stage, { device: firstDevice(bob), rooms: [room] });
    await owner.create(room);
    await joiner.join(room);
    await owner.catchUp(room);
    return { room, bob, owner, joiner };
  }

  it("takes one of two racing commits, and tells the loser where the room stands", async () => {
    const { room, owner, joiner } = await pairInRoom();
    const records = [await owner.committing(room), await joiner.committing(room)];
    const outcomes = await Promise.allSettled(
      [owner, joiner].map((member, index) =>
        member.call("AppendHandshake", { handshake: records[index] ?? new Uint8Array() }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const lost = outcomes.find((outcome) => outcome.status === "rejected");
    expect(lost?.reason).toMatchObject({
      code: "ERR_HANDSHAKE_CONFLICT",
      retryable: false,
      details: { nextIndex: "3", epoch: "2" },
    });
    const [winner, loser] = outcomes[0]?.status === "fulfilled" ? [owner, joiner] : [joiner, owner];
    winner.engine.mergePending(winner.groupId(room));
    loser.engine.clearPending(loser.groupId(room));
    await loser.catchUp(room);
    await loser.commit(room);
    winner.follow(room, records[winner === owner ? 0 : 1] ?? new Uint8Array());
    await winner.catchUp(room);
    expect(winner.authenticator(room)).toBe(loser.authenticator(room));
  });

  it("lets 2 relays race on one room: compare-and-set decides", async () => {
    await using _second = await stage.relay();
    const { room, owner, joiner } = await pairInRoom();
    for (let round = 0; round < 4; round += 1) {
      const records = [await owner.committing(room), await joiner.committing(room)];
      const outcomes = await Promise.allSettled(
        [owner, joiner].map((member, index) =>
          member.call("AppendHandshake", { handshake: records[index] ?? new Uint8Array() }),
        ),
      );
      const won = outcomes.findIndex(({ status }) => status === "fulfilled");
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      const [winner, loser] = won === 0 ? [owner, joiner] : [joiner, owner];
      winner.engine.mergePending(winner.groupId(room));
      winner.follow(room, records[won] ?? new Uint8Array());
      loser.engine.clearPending(loser.groupId(room));
      await loser.catchUp(room);
    }
    expect(owner.authenticator(room)).toBe(joiner.authenticator(room));
  });

  it("answers the same bytes with the same result", async () => {
    const { room, owner } = await pairInRoom();
    const record = await owner.committing(room);
    const first = await owner.call("AppendHandshake", { handshake: record });
    expect(await owner.call("AppendHandshake", { handshake: record })).toEqual(first);
    const { nextIndex } = await owner.call("GetHandshakes", {
      roomId: idBytes(room),
      fromIndex: 0n,
    });
    expect(nextIndex).toBe(3n);
  });

  it("refuses a second creation, and a room that the log does not know", async () => {
    const { log, room: makeRoom } = stage.org();
    const room = await makeRoom();
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    const record = await owner.create(room);
    const { groupInfo, ratchetTree } = readHandshake(record);
    const again = await owner.sign(room, { index: 1, epoch: 0n, groupInfo, ratchetTree });
    await expect(owner.call("AppendHandshake", { handshake: again })).rejects.toMatchObject({
      code: "ERR_HANDSHAKE_CONFLICT",
    });
    const foreign = { roomId: new Uint8Array(16) };
    await expect(owner.call("GetRoomEpoch", foreign)).rejects.toMatchObject({
      code: "ERR_RELAY_ROOM_UNKNOWN",
    });
  });

  it("refuses a User's Add of an entitled device", async () => {
    const { log, publish } = stage.org();
    const { room, joiner } = await pairInRoom();
    const carol = await log.addMember();
    await log.setRole(carol, { kind: "room", id: room }, "user");
    await publish();
    using carolDevice = await TestMember.connect(stage, { device: firstDevice(carol) });
    const { keyPackage } = carolDevice.engine.keyPackage();
    const record = await joiner.committing(room, { adds: [keyPackage] });
    await expect(joiner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
      code: "ERR_HANDSHAKE_ADD",
    });
  });

  it("refuses a Remove of somebody who is entitled", async () => {
    const { room, joiner } = await pairInRoom();
    const record = await joiner.committing(room, { removes: [0] });
    await expect(joiner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
      code: "ERR_HANDSHAKE_REMOVE",
    });
  });

  it("refuses an external join that removes another's leaf", async () => {
    const { room, joiner, bob } = await pairInRoom();
    const { log, publish } = stage.org();
    const device = await log.addDevice(bob);
    await publish();
    using second = await TestMember.connect(stage, { device, rooms: [room] });
    // An honest engine does not even make it; what rules/ does with a forged one is tested there.
    await expect(second.joining(room, { resyncLeafIndex: 0 })).rejects.toMatchObject({
      code: "engine.usage",
    });
    expect(joiner.engine.members(joiner.groupId(room))).toHaveLength(2);
  });

  it("refuses a GroupInfo of an old epoch beside a good commit", async () => {
    const { room, owner, joiner } = await pairInRoom();
    const old = joiner.engine.exportGroupInfo(joiner.groupId(room));
    const record = await owner.committing(room, { record: { groupInfo: old } });
    await expect(owner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
      code: "ERR_HANDSHAKE_ENGINE",
      details: { engineCode: "group-info.mismatch" },
    });
  });

  it("refuses what another device signed, and what was altered on the way", async () => {
    const { room, owner, joiner } = await pairInRoom();
    const record = await owner.committing(room);
    await expect(joiner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
      code: "ERR_RELAY_CALLER",
    });
    const altered = Uint8Array.from(record);
    const last = altered.length - 1;
    altered[last] = (altered[last] ?? 0) ^ 1;
    await expect(owner.call("AppendHandshake", { handshake: altered })).rejects.toMatchObject({
      code: "ERR_HANDSHAKE_SIGNATURE",
    });
  });

  it("refuses a commit under a shorter log than the room has seen", async () => {
    const { log } = stage.org();
    const { room, owner } = await pairInRoom();
    await log.addMember();
    await stage.org().publish();
    await owner.commit(room);
    const record = await owner.committing(room, { logSize: log.size - 1 });
    await expect(owner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
      code: "ERR_HANDSHAKE_LOG_SIZE_FELL",
    });
  });

  it("goes on after a bad confirmation tag: members refuse it, a further commit names it", async () => {
    const { room, owner, joiner } = await pairInRoom();
    const badRecord = await joiner.committing(room, {});
    const honest = readHandshake(badRecord);
    const commit = Uint8Array.from(honest.commit);
    // The tags end a PublicMessage and the MLS signature covers neither; the last is the membership tag.
    const last = commit.length - 1;
    commit[last] = (commit[last] ?? 0) ^ 1;
    const record = await joiner.sign(room, {
      index: 2,
      epoch: 1n,
      groupInfo: honest.groupInfo,
      commit,
    });
    await joiner.call("AppendHandshake", { handshake: record });
    expect(() => owner.engine.stage(owner.groupId(room), commit)).toThrow(
      expect.objectContaining({ code: "message.tag-invalid" }),
    );
    const better = await owner.committing(room, { record: { index: 3n, refuses: sha256(record) } });
    await owner.call("AppendHandshake", { handshake: better });
    owner.engine.mergePending(owner.groupId(room));
    owner.follow(room, better);
    joiner.engine.clearPending(joiner.groupId(room));
    joiner.engine.stage(joiner.groupId(room), readHandshake(better).commit);
    joiner.engine.mergeStaged(joiner.groupId(room));
    joiner.follow(room, better);
    await joiner.commit(room);
    await owner.catchUp(room);
    expect(owner.authenticator(room)).toBe(joiner.authenticator(room));
    const { epoch, handshakeIndex } = await owner.call("GetRoomEpoch", { roomId: idBytes(room) });
    expect({ epoch, handshakeIndex }).toEqual({ epoch: 3n, handshakeIndex: 4n });
  });

  it("refuses what is no commit in the place of one, and a commit that changes the context", async () => {
    const { room, owner } = await pairInRoom();
    const groupId = owner.groupId(room);
    const plaintext = new Uint8Array(64);
    const sealed = owner.engine.seal({ groupId, plaintext, aad: new Uint8Array() });
    const groupInfo = owner.engine.exportGroupInfo(groupId);
    for (const commit of [sealed, groupInfo]) {
      const record = await owner.sign(room, { index: 2, epoch: 1n, groupInfo, commit });
      await expect(owner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_(HANDSHAKE|MESSAGE)_/),
      });
    }
    const other = owner.engine.contextExtension(groupId).slice();
    other[10] = (other[10] ?? 0) ^ 1;
    const changed = await owner.committing(room, { contextExtension: other });
    await expect(owner.call("AppendHandshake", { handshake: changed })).rejects.toMatchObject({
      code: "ERR_HANDSHAKE_CONTEXT",
    });
  });

  it("refuses to replace what is not the newest, and the creation", async () => {
    const { room, owner } = await pairInRoom();
    const joined = owner.head(room).hash;
    await owner.commit(room);
    for (const refuses of [joined, new Uint8Array(32)]) {
      const record = await owner.committing(room, { record: { refuses } });
      await expect(owner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
        code: "ERR_HANDSHAKE_CONFLICT",
      });
      owner.engine.clearPending(owner.groupId(room));
    }
    const fresh = await stage.org().room();
    using alone = await TestMember.connect(stage, {
      device: firstDevice(stage.org().log.owner),
      rooms: [fresh],
    });
    const creation = await alone.create(fresh);
    const record = await alone.committing(fresh, { record: { refuses: sha256(creation) } });
    await expect(alone.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
      code: "ERR_HANDSHAKE_CONFLICT",
    });
  });

  it("removes whom the log no longer entitles, and only then goes on", async () => {
    const { log, publish } = stage.org();
    const { room, owner, bob } = await pairInRoom();
    await log.setRole(bob, { kind: "room", id: room }, undefined);
    await publish();
    const left = await owner.committing(room);
    await expect(owner.call("AppendHandshake", { handshake: left })).rejects.toMatchObject({
      code: "ERR_HANDSHAKE_LEAF_LEFT",
    });
    owner.engine.clearPending(owner.groupId(room));
    await owner.commit(room, { removes: [1] });
    expect(owner.engine.members(owner.groupId(room))).toHaveLength(1);
  });
});
