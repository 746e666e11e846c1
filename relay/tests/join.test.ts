import { idBytes } from "@cloister/base";
import { firstDevice } from "@cloister/rules/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DeliveryStage } from "./delivery-stage.ts";
import { TestMember } from "./test-member.ts";

describe("a room on a real server", () => {
  let stage: DeliveryStage;

  beforeAll(async () => {
    stage = await DeliveryStage.start();
    await stage.relay();
  }, 600_000);

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    stage.requireQuiet();
  });

  it("[F4] is created, joined by a grant, fenced, and read through an inbox", async () => {
    const { log, room: makeRoom } = stage.org();
    const bob = await log.addMember();
    const room = await makeRoom([bob]);
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    using joiner = await TestMember.connect(stage, { device: firstDevice(bob), rooms: [room] });
    await owner.create(room);
    await joiner.join(room);
    await owner.catchUp(room);
    expect(owner.authenticator(room)).toBe(joiner.authenticator(room));
    const inbox = await joiner.call("OpenInbox", {
      pass: await joiner.pass([room]),
      positions: [{ roomId: idBytes(room), sequence: 0n }],
    });
    expect(inbox.consumer).toBe(joiner.device.certificate.nkey);
    expect(inbox.fences).toHaveLength(1);
  });
});
