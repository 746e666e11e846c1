import { setTimeout as sleep } from "node:timers/promises";
import { idBytes } from "@cloister/base";
import { EngineError } from "@cloister/group-engine/errors";
import type { PublicEngine } from "@cloister/group-engine/types";
import { fenceSubject } from "@cloister/proto";
import { firstDevice } from "@cloister/rules/testing";
import { describe, expect, it } from "vitest";
import { DeliveryStage } from "./delivery-stage.ts";
import { RelayProcess } from "./relay-process.ts";
import { receive, send } from "./room-traffic.ts";
import { TestMember } from "./test-member.ts";

const never = new Promise<never>(() => undefined);

async function lastFence(stage: DeliveryStage, room: Parameters<typeof fenceSubject>[0]) {
  const { connection } = await stage.nats.relay(stage.org().nats);
  const answer = await connection.request(`$JS.API.DIRECT.GET.ROOMS.${fenceSubject(room)}`, "");
  await connection.close();
  return Number(answer.headers?.get("Nats-Sequence") ?? 0);
}

describe("a relay that dies between append and fence", () => {
  it("is mended at the next start", async () => {
    await using stage = await DeliveryStage.start();
    const { log, room: makeRoom } = stage.org();
    const room = await makeRoom();
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    const died = Promise.withResolvers<void>();
    const dying = await stage.relay({
      atStep: async (step) => {
        if (step !== "stored") return;
        died.resolve();
        await never;
      },
    });
    void owner.create(room).catch(() => undefined);
    await died.promise;
    // As a kill would: what it was doing stays undone.
    await Promise.race([dying[Symbol.asyncDispose](), sleep(200)]);
    expect(await lastFence(stage, room)).toBe(0);
    await stage.relay();
    expect(await lastFence(stage, room)).toBeGreaterThan(0);
  }, 60_000);

  it("is mended by the same bytes again, and by the next append of anybody", async () => {
    await using stage = await DeliveryStage.start();
    const { log, room: makeRoom } = stage.org();
    const room = await makeRoom();
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    let isFailing = false;
    await stage.relay({
      atStep: async (step) => {
        if (isFailing && step === "stored") throw new Error("this moment is the last");
      },
    });
    await owner.create(room);
    const failed = async () => {
      const record = await owner.committing(room);
      isFailing = true;
      await expect(owner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
        kind: "Internal",
      });
      isFailing = false;
      owner.engine.mergePending(owner.groupId(room));
      owner.follow(room, record);
      return record;
    };
    const before = await lastFence(stage, room);
    const record = await failed();
    expect(await lastFence(stage, room)).toBe(before);
    const mended = await owner.call("AppendHandshake", { handshake: record });
    expect(Number(mended.fenceSequence)).toBeGreaterThan(before);
    expect(await lastFence(stage, room)).toBe(Number(mended.fenceSequence));

    await failed();
    await owner.commit(room);
    expect(await lastFence(stage, room)).toBe(Number(mended.fenceSequence) + 2);
  }, 60_000);
});

describe("a group engine that traps", () => {
  it("is replaced, its rooms are read again, and the call can be repeated", async () => {
    await using stage = await DeliveryStage.start();
    let isTrapping = false;
    let engines = 0;
    await stage.relay({
      wrapEngine: (engine) => {
        engines += 1;
        return new Proxy(engine, {
          get: (target, name: keyof PublicEngine) => {
            if (isTrapping && name === "restore") {
              isTrapping = false;
              throw new EngineError("engine.trapped", "a trap");
            }
            const value: unknown = Reflect.get(target, name);
            return typeof value === "function" ? value.bind(target) : value;
          },
        });
      },
    });
    const { log, room: makeRoom } = stage.org();
    const room = await makeRoom();
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    await owner.create(room);
    await owner.commit(room);
    const record = await owner.committing(room);
    isTrapping = true;
    await expect(owner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject({
      kind: "Internal",
    });
    const { index } = await owner.call("AppendHandshake", { handshake: record });
    expect({ index, engines }).toEqual({ index: 2n, engines: 2 });
  }, 60_000);
});

describe("kill -9", () => {
  it("of the relay, at any moment: what was acknowledged stands, what was not can be sent again", async () => {
    await using stage = await DeliveryStage.start();
    await using relay = await RelayProcess.create(stage);
    await relay.answerAnnouncements();
    const { log, room: makeRoom } = stage.org();
    const room = await makeRoom();
    await relay.start();
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    await owner.create(room);
    for (const delayMs of [0, 4, 8, 16]) {
      const record = await owner.committing(room);
      const sent = owner.call("AppendHandshake", { handshake: record }).catch(() => undefined);
      await sleep(delayMs);
      await relay.kill();
      void sent;
      await relay.start();
      await owner.call("AppendHandshake", { handshake: record });
      owner.engine.mergePending(owner.groupId(room));
      owner.follow(room, record);
    }
    const { epoch } = await owner.call("GetRoomEpoch", { roomId: idBytes(room) });
    expect(epoch).toBe(4n);
    expect(owner.engine.epoch(owner.groupId(room))).toBe(4n);
  }, 120_000);

  it("serves its orgs while accounts is down, after a restart too", async () => {
    await using stage = await DeliveryStage.start();
    await using relay = await RelayProcess.create(stage);
    await relay.answerAnnouncements();
    const { log, room: makeRoom } = stage.org();
    const room = await makeRoom();
    await relay.start();
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    await owner.create(room);
    await relay.stopAnnouncements();
    await relay.kill("SIGTERM");
    await relay.start();
    await owner.commit(room);
  }, 120_000);

  it("of nats-server: handshakes and messages that were acknowledged are there, and the room goes on", async () => {
    await using stage = await DeliveryStage.start();
    await using relay = await RelayProcess.create(stage);
    await relay.answerAnnouncements();
    const { log, room: makeRoom } = stage.org();
    const bob = await log.addMember();
    const room = await makeRoom([bob]);
    await relay.start();
    const connect = (device: ReturnType<typeof firstDevice>) =>
      TestMember.connect(stage, { device, rooms: [room] });
    using owner = await connect(firstDevice(log.owner));
    using joiner = await connect(firstDevice(bob));
    await owner.create(room);
    await joiner.join(room);
    await owner.catchUp(room);
    const fence = await lastFence(stage, room);
    await send(owner, room, { text: "before", fence });
    await stage.nats.process.kill();
    await stage.nats.process.start();
    const back = await stage.nats.member(stage.org().nats, [room], owner.user.pair);
    owner.reconnected(back);
    joiner.reconnected(await stage.nats.member(stage.org().nats, [room], joiner.user.pair));
    await expect
      .poll(() => owner.call("GetRoomEpoch", { roomId: idBytes(room) }).catch(() => undefined), {
        timeout: 30_000,
      })
      .toMatchObject({ epoch: 1n });
    // The same bytes until they are taken, as a client's outbox does.
    const record = await owner.committing(room);
    await expect
      .poll(
        () =>
          owner.call("AppendHandshake", { handshake: record }).then(
            ({ index }) => index,
            () => undefined,
          ),
        { timeout: 30_000 },
      )
      .toBe(2n);
    owner.engine.mergePending(owner.groupId(room));
    owner.follow(room, record);
    await joiner.call("OpenInbox", {
      pass: await joiner.pass([room]),
      positions: [{ roomId: idBytes(room), sequence: BigInt(fence) }],
    });
    expect(await receive(joiner, room)).toEqual({ texts: ["before"], fences: 1 });
    await joiner.catchUp(room);
    expect(joiner.authenticator(room)).toBe(owner.authenticator(room));
  }, 120_000);
});
