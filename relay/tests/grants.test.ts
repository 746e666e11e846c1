import { idBytes, parseEpochMs, type RoomId } from "@cloister/base";
import { bodies } from "@cloister/rules";
import {
  firstDevice,
  serviceKeys,
  type TestAccount,
  testGrant,
  testService,
} from "@cloister/rules/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DeliveryStage } from "./delivery-stage.ts";
import { TestMember } from "./test-member.ts";

const rejects = (code: string) => ({ code });

describe("the room's key is given against a grant alone", () => {
  let stage: DeliveryStage;
  let room: RoomId;
  let bob: TestAccount;
  let owner: TestMember;
  let joiner: TestMember;

  beforeAll(async () => {
    stage = await DeliveryStage.start({ orgs: ["acme", "rival"] });
    await stage.relay();
    const { log, room: makeRoom } = stage.org();
    bob = await log.addMember();
    room = await makeRoom([bob]);
    owner = await TestMember.connect(stage, { device: firstDevice(log.owner), rooms: [room] });
    joiner = await TestMember.connect(stage, { device: firstDevice(bob), rooms: [room] });
    await owner.create(room);
  }, 600_000);

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    stage.requireQuiet();
  });

  it("[F4] gives GroupInfo and tree of the current epoch", async () => {
    const key = await joiner.call("GetRoomKey", { grant: await joiner.grant(room, 0n) });
    expect(key.groupInfo.length).toBeGreaterThan(0);
    expect(key.ratchetTree.length).toBeGreaterThan(0);
    expect(key.handshakeHash).toEqual(owner.head(room).hash);
  });

  it("[F4] refuses without one, and junk in its place", async () => {
    const grant = new Uint8Array(0);
    await expect(joiner.call("GetRoomKey", { grant })).rejects.toMatchObject(
      rejects("ERR_MESSAGE_INVALID"),
    );
    const junk = new Uint8Array(64).fill(7);
    await expect(joiner.call("GetRoomKey", { grant: junk })).rejects.toMatchObject({
      kind: "Codec",
    });
    const pass = await joiner.pass([room]);
    await expect(joiner.call("GetRoomKey", { grant: pass })).rejects.toMatchObject(
      rejects("ERR_VERIFICATION_TOKEN_TYPE"),
    );
  });

  it("refuses another device's grant", async () => {
    const grant = await owner.grant(room, 0n);
    await expect(joiner.call("GetRoomKey", { grant })).rejects.toMatchObject(
      rejects("ERR_RELAY_GRANT_DEVICE"),
    );
  });

  it("refuses a grant for another epoch", async () => {
    const grant = await joiner.grant(room, 5n);
    await expect(joiner.call("GetRoomKey", { grant })).rejects.toMatchObject({
      code: "ERR_RELAY_EPOCH_STALE",
      details: { epoch: "0" },
    });
  });

  it("refuses a grant whose minute is over", async () => {
    const nowMs = parseEpochMs(Date.now() - 61_000);
    const grant = await testGrant(stage.org().log, joiner.device, { room, epoch: 0n, nowMs });
    await expect(joiner.call("GetRoomKey", { grant })).rejects.toMatchObject(
      rejects("ERR_VERIFICATION_TOKEN_EXPIRED"),
    );
  });

  it("refuses a gateway that no owner authorised, and another org's", async () => {
    const { log } = stage.org();
    const nowMs = parseEpochMs(Date.now());
    const strangers = [testService("gateway", log.random), stage.org("rival").log.gateway];
    for (const gateway of strangers) {
      const grant = await testGrant(log, joiner.device, { room, epoch: 0n, nowMs, gateway });
      await expect(joiner.call("GetRoomKey", { grant })).rejects.toMatchObject(
        rejects("ERR_VERIFICATION_GATEWAY"),
      );
    }
  });

  it("refuses a grant that was altered", async () => {
    const grant = Uint8Array.from(await joiner.grant(room, 0n));
    const last = grant.length - 1;
    grant[last] = (grant[last] ?? 0) ^ 1;
    await expect(joiner.call("GetRoomKey", { grant })).rejects.toMatchObject({
      kind: "Verification",
    });
  });

  it("refuses an external join whose record carries another's grant or none", async () => {
    const { record } = await joiner.joining(room, { record: { grant: new Uint8Array() } });
    await expect(joiner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject(
      rejects("ERR_HANDSHAKE_GRANT_MISSING"),
    );
    joiner.engine.rollback();
    const foreign = await owner.grant(room, 0n);
    const swapped = await joiner.joining(room, { record: { grant: foreign } });
    await expect(
      joiner.call("AppendHandshake", { handshake: swapped.record }),
    ).rejects.toMatchObject({ kind: "Verification" });
    joiner.engine.rollback();
  });

  it("refuses a grant given under a policy that has changed since", async () => {
    const { log, publish } = stage.org();
    const grant = await joiner.grant(room, 0n);
    const { record } = await joiner.joining(room, { grant });
    await log.setPolicy({ kind: "room", id: room }, { sessionMaxAgeSeconds: 3_600 });
    await publish();
    await expect
      .poll(() =>
        joiner.call("GetRoomKey", { grant }).then(
          () => "given",
          (error) => error.code,
        ),
      )
      .toBe("ERR_RELAY_GRANT_POLICY");
    // Members would take this commit, made under the log before; the relay holds it against the newest.
    await expect(joiner.call("AppendHandshake", { handshake: record })).rejects.toMatchObject(
      rejects("ERR_RELAY_GRANT_POLICY"),
    );
    joiner.engine.rollback();
    await joiner.join(room);
    await owner.catchUp(room);
    expect(owner.authenticator(room)).toBe(joiner.authenticator(room));
  });

  it("refuses a grant of a gateway that was revoked in its minute", async () => {
    const { log, publish } = stage.org();
    const second = await log.addDevice(bob);
    const gateway = testService("gateway", log.random);
    await log.submit(bodies.gatewaySet({ ...serviceKeys(gateway), revoked: false }));
    await publish();
    using device = await TestMember.connect(stage, { device: second, rooms: [room] });
    const nowMs = parseEpochMs(Date.now());
    const grant = await testGrant(log, second, { room, epoch: 1n, nowMs, gateway });
    const { record } = await device.joining(room, { grant });
    await log.submit(bodies.gatewaySet({ ...serviceKeys(gateway), revoked: true }));
    await publish();
    await expect
      .poll(() =>
        device.call("GetRoomKey", { grant }).then(
          () => "given",
          (error) => error.code,
        ),
      )
      .toBe("ERR_VERIFICATION_GATEWAY");
    await expect(device.call("AppendHandshake", { handshake: record })).rejects.toMatchObject(
      rejects("ERR_VERIFICATION_GATEWAY"),
    );
  });

  it("tells a device without a role nothing, not even that the room is there", async () => {
    const { log, publish } = stage.org();
    const mallory = await log.addMember();
    await publish();
    using device = await TestMember.connect(stage, { device: firstDevice(mallory) });
    const calls = [
      device.call("GetRoomEpoch", { roomId: idBytes(room) }),
      device.call("GetHandshakes", { roomId: idBytes(room), fromIndex: 0n }),
      device.call("GetRoomKey", { grant: await device.grant(room, 1n) }),
      device.call("ClaimKeyPackages", {
        roomId: idBytes(room),
        deviceIds: [idBytes(owner.device.certificate.device)],
      }),
      device.call("GetRoomEpoch", { roomId: new Uint8Array(16).fill(9) }),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ reason: rejects("ERR_RELAY_ROOM_UNKNOWN") });
    }
  });

  it("knows a device of another org as nobody of this one", async () => {
    const rival = stage.org("rival");
    const device = firstDevice(rival.log.owner);
    using stranger = await TestMember.connect(stage, { org: rival, device });
    await expect(stranger.call("GetRoomEpoch", { roomId: idBytes(room) })).rejects.toMatchObject(
      rejects("ERR_RELAY_ROOM_UNKNOWN"),
    );
    // The rival's account with a key that only this org's log knows.
    using impostor = await TestMember.connect(stage, { org: rival, device: joiner.device });
    await expect(impostor.call("GetLog", { from: 0n, maxRecords: 1 })).rejects.toMatchObject(
      rejects("ERR_RELAY_CALLER"),
    );
  });
});
