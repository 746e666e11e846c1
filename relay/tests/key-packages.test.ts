import { readFileSync } from "node:fs";
import { idBytes, type RoomId } from "@cloister/base";
import { createMemberEngine } from "@cloister/group-engine/member";
import { memberWasmHref } from "@cloister/group-engine/wasm-paths";
import { encodeLeafCredential } from "@cloister/rules";
import { firstDevice, type TestAccount, testDevice } from "@cloister/rules/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DeliveryStage } from "./delivery-stage.ts";
import { readHandshake, TestMember } from "./test-member.ts";

const racers = 20;

describe("key packages", () => {
  let stage: DeliveryStage;
  let room: RoomId;
  let bob: TestAccount;
  let owner: TestMember;
  let joiner: TestMember;

  beforeAll(async () => {
    stage = await DeliveryStage.start();
    await stage.relay();
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

  const packagesOf = (member: TestMember, count: number) =>
    Array.from({ length: count }, () => member.engine.keyPackage().keyPackage);

  const claim = async () => {
    const roomId = idBytes(room);
    const deviceIds = [idBytes(joiner.device.certificate.device)];
    const { claimed } = await owner.call("ClaimKeyPackages", { roomId, deviceIds });
    return Buffer.from(claimed[0]?.keyPackage ?? []).toString("hex");
  };

  it(`gives each to one of ${racers} racing claimers, over two relays`, async () => {
    const keyPackages = packagesOf(joiner, 12);
    expect(await joiner.call("PublishKeyPackages", { keyPackages })).toMatchObject({
      available: 12,
    });
    const claims = await Promise.all(Array.from({ length: racers }, claim));
    const given = claims.filter((text) => text !== "");
    const published = keyPackages.map((bytes) => Buffer.from(bytes).toString("hex"));
    expect(given.toSorted()).toEqual(published.toSorted());
  });

  it("does not take one again that was given out", async () => {
    const [keyPackage = new Uint8Array()] = packagesOf(joiner, 1);
    await joiner.call("PublishKeyPackages", { keyPackages: [keyPackage] });
    expect(await claim()).not.toBe("");
    const again = await joiner.call("PublishKeyPackages", { keyPackages: [keyPackage] });
    expect(again.available).toBe(0);
    expect(await claim()).toBe("");
  });

  it("refuses a ghost: the caller's name on a key that nobody certified", async () => {
    const { log } = stage.org();
    const { account, device } = joiner.device.certificate;
    using ghost = createMemberEngine(readFileSync(new URL(memberWasmHref)), {
      leafSecretSeed: testDevice(account, log.random).leaf.seed,
      credential: encodeLeafCredential({ org: log.id, account, device }),
    });
    const { keyPackage } = ghost.keyPackage();
    await expect(
      joiner.call("PublishKeyPackages", { keyPackages: [keyPackage] }),
    ).rejects.toMatchObject({ code: "ERR_RELAY_KEY_PACKAGE" });
  });

  it("refuses another device's package, and bytes that are none", async () => {
    const keyPackages = packagesOf(owner, 1);
    await expect(joiner.call("PublishKeyPackages", { keyPackages })).rejects.toMatchObject({
      code: "ERR_RELAY_KEY_PACKAGE",
    });
    const junk = [new Uint8Array(300).fill(3)];
    await expect(joiner.call("PublishKeyPackages", { keyPackages: junk })).rejects.toMatchObject({
      kind: "Verification",
    });
  });

  it("keeps at most 100 of a device", async () => {
    await joiner.call("PublishKeyPackages", { keyPackages: packagesOf(joiner, 99) });
    await expect(
      joiner.call("PublishKeyPackages", { keyPackages: packagesOf(joiner, 2) }),
    ).rejects.toMatchObject({ code: "ERR_RELAY_KEY_PACKAGES_FULL", details: { available: "99" } });
  });

  it("gives them to no User, and none of a device without a role", async () => {
    const { log, publish } = stage.org();
    const roomId = idBytes(room);
    const stranger = await log.addMember();
    await publish();
    using device = await TestMember.connect(stage, { device: firstDevice(stranger) });
    await device.call("PublishKeyPackages", { keyPackages: packagesOf(device, 1) });
    const deviceIds = [idBytes(device.device.certificate.device)];
    const { claimed } = await owner.call("ClaimKeyPackages", { roomId, deviceIds });
    expect(claimed[0]?.keyPackage).toHaveLength(0);
    await expect(joiner.call("ClaimKeyPackages", { roomId, deviceIds })).rejects.toMatchObject({
      code: "ERR_RELAY_NOT_OWNER",
    });
  });

  it("[F45] adds a device that is offline: its Welcome and tree wait for it", async () => {
    const keyPackage = Buffer.from(await claim(), "hex");
    await owner.commit(room, { adds: [keyPackage] });
    const roomId = idBytes(room);
    const { handshakes } = await joiner.call("GetHandshakes", { roomId, fromIndex: 0n });
    const added = handshakes.at(-1);
    const { welcome } = readHandshake(added?.handshake ?? new Uint8Array());
    const ratchetTree = added?.ratchetTree ?? new Uint8Array();
    joiner.engine.joinWelcome({ welcome, ratchetTree });
    expect(joiner.authenticator(room)).toBe(owner.authenticator(room));
  });
});
