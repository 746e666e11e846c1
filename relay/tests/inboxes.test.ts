import { idBytes, parseEpochMs, type RoomId } from "@cloister/base";
import { fenceSubject, handshakeSubject, roomSubject } from "@cloister/proto";
import { firstDevice, type TestAccount, testPass } from "@cloister/rules/testing";
import { api, pull } from "@cloister/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DeliveryStage } from "./delivery-stage.ts";
import { receive, send } from "./room-traffic.ts";
import { TestMember } from "./test-member.ts";

const staleSequence = 10071;

describe("inboxes and fences", () => {
  let stage: DeliveryStage;

  beforeAll(async () => {
    stage = await DeliveryStage.start();
    await stage.relay();
  }, 600_000);

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    stage.requireQuiet();
  });

  interface Pair {
    readonly room: RoomId;
    readonly bob: TestAccount;
    readonly owner: TestMember;
    readonly joiner: TestMember;
  }

  async function pairInRoom(): Promise<Pair> {
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

  const open = async (member: TestMember, rooms: readonly RoomId[], sequence = 0n) =>
    member.call("OpenInbox", {
      pass: await member.pass(rooms),
      positions: rooms.map((room) => ({ roomId: idBytes(room), sequence })),
    });

  const fenceOf = async (member: TestMember, room: RoomId) =>
    Number((await open(member, [room])).fences[0]?.sequence ?? 0n);

  it("[F45] keeps for a device that is away, and gives in order, once acknowledged by position", async () => {
    const { room, owner, joiner } = await pairInRoom();
    const fence = await fenceOf(owner, room);
    for (const text of ["one", "two", "three"]) {
      expect(await send(owner, room, { text, fence })).toMatchObject({ stream: "ROOMS" });
    }
    const inbox = await open(joiner, [room], BigInt(fence));
    expect(await receive(joiner, room)).toEqual({ texts: ["one", "two", "three"], fences: 0 });
    await open(joiner, [room], inbox.lastSequence);
    expect(await receive(joiner, room)).toEqual({ texts: [], fences: 0 });
  });

  it("lets the server refuse what was sealed for an older epoch, and takes it sealed anew", async () => {
    const { room, owner, joiner } = await pairInRoom();
    const old = await fenceOf(owner, room);
    await joiner.commit(room);
    const reply = await send(owner, room, { text: "late", fence: old });
    expect(reply.error?.err_code).toBe(staleSequence);
    await owner.catchUp(room);
    const fence = await fenceOf(owner, room);
    expect(fence).toBeGreaterThan(old);
    expect((await send(owner, room, { text: "late", fence })).error).toBeUndefined();
    await open(joiner, [room], BigInt(fence));
    expect((await receive(joiner, room)).texts).toEqual(["late"]);
  });

  it("is not harmed by replies into fence, handshakes and another room", async () => {
    const { room, owner, joiner } = await pairInRoom();
    const other = await stage.org().room();
    const { log } = stage.org();
    const fence = await fenceOf(owner, room);
    const subject = roomSubject(room, joiner.device.certificate.nkey);
    const targets = [
      fenceSubject(room),
      handshakeSubject(log.id, room),
      roomSubject(other, joiner.device.certificate.nkey),
      fenceSubject(other),
    ];
    for (const reply of targets) joiner.user.connection.publish(subject, "junk", { reply });
    await joiner.user.connection.flush();
    expect((await send(owner, room, { text: "still", fence })).error).toBeUndefined();
    await owner.commit(room);
    const roomId = idBytes(room);
    const { nextIndex } = await owner.call("GetHandshakes", { roomId, fromIndex: 0n });
    expect(nextIndex).toBe(3n);
    await joiner.catchUp(room);
    expect(joiner.authenticator(room)).toBe(owner.authenticator(room));
  });

  it("makes no consumer without a pass, with another's, or with one that is over", async () => {
    const { room, owner, joiner } = await pairInRoom();
    const positions = [{ roomId: idBytes(room), sequence: 0n }];
    const nowMs = parseEpochMs(Date.now() - 3_700_000);
    const old = await testPass(stage.org().log, joiner.device, { rooms: [room], nowMs });
    const refusals = [
      [await owner.pass([room]), "ERR_VERIFICATION_TOKEN_MISMATCH"],
      [await joiner.grant(room, 1n), "ERR_VERIFICATION_TOKEN_TYPE"],
      [old, "ERR_VERIFICATION_TOKEN_EXPIRED"],
    ] as const;
    for (const [pass, code] of refusals) {
      await expect(joiner.call("OpenInbox", { pass, positions })).rejects.toMatchObject({ code });
    }
  });

  it("leaves rooms out that a pass names and the log does not give", async () => {
    const { joiner } = await pairInRoom();
    const foreign = await stage.org().room();
    const inbox = await open(joiner, [foreign]);
    expect(inbox).toMatchObject({ consumer: "", fences: [] });
    const relay = await stage.nats.relay(stage.org().nats);
    const info = `$JS.API.CONSUMER.INFO.ROOMS.${joiner.device.certificate.nkey}`;
    expect((await api(relay.connection, info)).error?.err_code).toBe(10014);
  });

  it("takes a room out of the inbox as soon as the role ends, and the whole with the device", async () => {
    const { log, publish } = stage.org();
    const { room, bob, owner, joiner } = await pairInRoom();
    const second = await log.addDevice(bob);
    const other = await stage.org().room([bob]);
    using device = await TestMember.connect(stage, { device: second, rooms: [room, other] });
    await open(joiner, [room, other]);
    await open(device, [room, other]);
    const relay = await stage.nats.relay(stage.org().nats);
    const filters = async (member: TestMember) => {
      const subject = `$JS.API.CONSUMER.INFO.ROOMS.${member.device.certificate.nkey}`;
      const answer = await relay.connection.request(subject, "");
      const { config } = answer.json<{
        config?: { filter_subject?: string; filter_subjects?: string[] };
      }>();
      return config?.filter_subjects ?? [config?.filter_subject];
    };
    await log.setRole(bob, { kind: "room", id: room }, undefined);
    await publish();
    await expect.poll(() => filters(joiner), { timeout: 5_000 }).toEqual([`room.${other}.>`]);
    await expect.poll(() => filters(device), { timeout: 5_000 }).toEqual([`room.${other}.>`]);
    const fence = await fenceOf(owner, room);
    await send(owner, room, { text: "without bob", fence });
    expect(await pull(joiner.user)).toEqual([]);
    await log.revokeDevice(bob, second, firstDevice(bob));
    await publish();
    await expect.poll(() => filters(device), { timeout: 5_000 }).toEqual([undefined]);
    await expect(device.call("GetLog", { from: 0n, maxRecords: 1 })).rejects.toMatchObject({
      code: "ERR_RELAY_CALLER",
    });
  });

  it("serves the log from any position, with its newest head", async () => {
    const { log } = stage.org();
    const { owner } = await pairInRoom();
    await expect
      .poll(
        async () => (await owner.call("GetLog", { from: 0n, maxRecords: 1_000 })).records.length,
      )
      .toBe(log.size);
    const { records, checkpoint } = await owner.call("GetLog", { from: 1n, maxRecords: 2 });
    expect(records).toEqual(log.records.slice(1, 3));
    expect(checkpoint).toEqual(log.checkpointAt(log.size));
  });

  it("shows no shorter log than the asker's own: it waits, or says that it may be asked again", async () => {
    const { log, publish } = stage.org();
    const { owner } = await pairInRoom();
    const from = BigInt(log.size + 1);
    const early = owner.call("GetLog", { from, maxRecords: 1 });
    await log.createProject();
    await publish();
    expect((await early).checkpoint).toEqual(log.checkpointAt(log.size));
    const beyond = owner.call("GetLog", { from: from + 1_000n, maxRecords: 1 });
    await expect(beyond).rejects.toMatchObject({ retryable: true });
  });
});

describe("a stream that is full", () => {
  it("refuses, typed, and drops nothing", async () => {
    await using stage = await DeliveryStage.start({ roomsBytes: 1024 ** 2 });
    await stage.relay();
    const { log, room: makeRoom } = stage.org();
    const room = await makeRoom();
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    await owner.create(room);
    const inbox = await owner.call("OpenInbox", {
      pass: await owner.pass([room]),
      positions: [],
    });
    const fence = Number(inbox.fences[0]?.sequence ?? 0n);
    let stored = 0;
    let refusal: number | undefined;
    while (refusal === undefined && stored < 50) {
      const text = `message ${stored}`;
      const { error } = await send(owner, room, { text, fence, padBytes: 60_000 });
      refusal = error?.err_code;
      if (error === undefined) stored += 1;
    }
    expect(refusal).toBe(10077);
    const record = await owner.committing(room);
    await expect(owner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
      code: "ERR_RELAY_STREAM_FULL",
      kind: "Limit",
      retryable: true,
    });
    const { nextIndex } = await owner.call("GetHandshakes", {
      roomId: idBytes(room),
      fromIndex: 0n,
    });
    expect(nextIndex).toBe(1n);
    expect(await pull(owner.user)).toHaveLength(stored + 1);
  }, 120_000);
});
