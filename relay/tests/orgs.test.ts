import { idBytes } from "@cloister/base";
import { bodies } from "@cloister/rules";
import { firstDevice, serviceKeys } from "@cloister/rules/testing";
import { describe, expect, it } from "vitest";
import { DeliveryStage } from "./delivery-stage.ts";
import { TestMember } from "./test-member.ts";

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
  );

describe("orgs of a relay", () => {
  it("are served once accounts knows them, and until their log takes the relay's right away", async () => {
    await using stage = await DeliveryStage.start();
    let isUnknown = true;
    await stage.relay({ isUnknown: () => isUnknown });
    const { log, publish, room: makeRoom } = stage.org();
    const room = await makeRoom();
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    const epoch = () => codeOf(owner.call("GetRoomEpoch", { roomId: idBytes(room) }));
    expect(await epoch()).toBe("ERR_RELAY_ORG_UNAVAILABLE");
    isUnknown = false;
    await expect.poll(epoch, { timeout: 10_000 }).toBe("ok");
    await owner.create(room);
    await log.submit(bodies.relaySet({ ...serviceKeys(log.relay), revoked: true }));
    await publish();
    const commit = await owner.committing(room);
    await expect
      .poll(() => codeOf(owner.call("AppendHandshake", { handshake: commit })), { timeout: 10_000 })
      .toBe("ERR_RELAY_ORG_UNAVAILABLE");
  }, 60_000);

  it("keep their rooms over many handshakes: a snapshot opens them, and nothing depends on it", async () => {
    await using stage = await DeliveryStage.start();
    const first = await stage.relay();
    const { log, room: makeRoom } = stage.org();
    const bob = await log.addMember();
    const room = await makeRoom([bob]);
    using owner = await TestMember.connect(stage, {
      device: firstDevice(log.owner),
      rooms: [room],
    });
    using joiner = await TestMember.connect(stage, { device: firstDevice(bob), rooms: [room] });
    await owner.create(room);
    for (let count = 0; count < 18; count += 1) await owner.commit(room);
    await first[Symbol.asyncDispose]();
    const delivery = await stage.nats.service("delivery");
    const subject = `$KV.relay-state.snapshot.${log.id}.${room}.0`;
    const stored = await delivery.connection.request(
      `$JS.API.DIRECT.GET.KV_relay-state.${subject}`,
      "",
    );
    expect(Buffer.from(stored.data).subarray(0, 24).toString()).toBe("cloister room snapshot 1");
    {
      await using _second = await stage.relay();
      await joiner.join(room);
      await owner.catchUp(room);
      expect(owner.authenticator(room)).toBe(joiner.authenticator(room));
    }
    await delivery.connection.request(subject, "not a snapshot");
    await using _third = await stage.relay();
    await owner.commit(room);
    await joiner.catchUp(room);
    expect(owner.authenticator(room)).toBe(joiner.authenticator(room));
  }, 60_000);
});
