import { randomBytes } from "node:crypto";
import { newFileId } from "@cloister/base";
import type { Connection } from "@cloister/client-core";
import { nodeRandom } from "@cloister/client-node";
import { fileChunkSubject } from "@cloister/proto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { batchOf, type Device, messageId, NatsStage, newRoom } from "./support/nats-stage.ts";

let stage: NatsStage;
beforeAll(async () => {
  stage = await NatsStage.start();
}, 600_000);
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

async function inRoom() {
  const room = newRoom();
  const device = stage.device([room]);
  const connection = await device.connect();
  return { room, device, connection, fence: await stage.fence(room) };
}

function chunkOf(device: Device, index: number, file = newFileId(nodeRandom)) {
  const [room] = device.rooms;
  if (room === undefined) throw new Error("the device has no room");
  const subject = fileChunkSubject({ room, sender: device.pair.publicKey, file, index });
  const payload = new Uint8Array(randomBytes(508_400));
  return { file, chunk: { subject, payload, messageId: messageId(), timeoutMs: 10_000 } };
}

describe("records of a room", () => {
  test("[F45] one is stored, several are stored together, in order and with their sequences", async () => {
    const { room, device, connection, fence } = await inRoom();
    const one = await connection.publish(batchOf({ device, room, fence, payloads: ["1"] }));
    expect(one).toMatchObject({ kind: "stored" });
    const payloads = ["2", "3", "4"];
    const several = await connection.publish(batchOf({ device, room, fence, payloads }));
    if (one.kind !== "stored" || several.kind !== "stored") throw new Error(several.kind);
    const [first = 0n] = one.sequences;
    expect(several.sequences).toEqual([first + 1n, first + 2n, first + 3n]);
  });

  test("nothing is stored behind a newer fence, one record or several", async () => {
    const { room, device, connection, fence } = await inRoom();
    const newer = await stage.fence(room);
    for (const payloads of [["late"], ["late", "later"]]) {
      const batch = batchOf({ device, room, fence, payloads });
      expect(await connection.publish(batch)).toEqual({ kind: "stale-fence" });
    }
    const after = await connection.publish(
      batchOf({ device, room, fence: newer, payloads: ["x"] }),
    );
    expect(after).toEqual({ kind: "stored", sequences: [newer + 1n] });
  });

  test("what is sent again says so, alone and within a batch", async () => {
    const { room, device, connection, fence } = await inRoom();
    const ids = [messageId(), messageId()];
    const whole = batchOf({ device, room, fence, payloads: ["a", "b"], ids });
    expect(await connection.publish(whole)).toMatchObject({ kind: "stored" });
    expect(await connection.publish(whole)).toEqual({ kind: "duplicate" });
    const part = batchOf({ device, room, fence, payloads: ["a"], ids });
    expect(await connection.publish(part)).toEqual({ kind: "duplicate" });
  });

  test("[F49] another's room is denied at once, one record or several", async () => {
    const { device, connection } = await inRoom();
    const foreign = newRoom();
    const fence = await stage.fence(foreign);
    for (const payloads of [["x"], ["x", "y"]]) {
      const batch = batchOf({ device, room: foreign, fence, payloads, timeoutMs: 60_000 });
      expect(await connection.publish(batch)).toEqual({ kind: "denied" });
    }
    const call = {
      subject: "ds.v1.UOTHER.OpenInbox",
      payload: new Uint8Array(1),
      timeoutMs: 60_000,
    };
    await expect(connection.request(call)).rejects.toMatchObject({ code: "ERR_CONNECTION_DENIED" });
  });

  test("a service that is away, and one that is silent, are told apart from a refusal", async () => {
    const { device, connection } = await inRoom();
    const subject = `ds.v1.${device.pair.publicKey}.OpenInbox`;
    const call = { subject, payload: new Uint8Array(1), timeoutMs: 300 };
    await expect(connection.request(call)).rejects.toMatchObject({ retryable: true });
    const delivery = await stage.nats.service("delivery");
    delivery.connection.subscribe("ds.v1.*.*.*", { callback: () => undefined });
    await delivery.connection.flush();
    await expect(connection.request(call)).rejects.toMatchObject({ code: "ERR_SERVER_TIMEOUT" });
  });
});

describe("chunks of a file", () => {
  test("are stored once: a second one on the same subject finds the first, whatever it holds", async () => {
    const { device, connection } = await inRoom();
    const { chunk, file } = chunkOf(device, 0);
    expect(await connection.publishChunk(chunk)).toEqual({ kind: "stored" });
    const again = chunkOf(device, 0, file).chunk;
    expect(await connection.publishChunk(again)).toEqual({ kind: "exists" });
    // The same upload, resent: whoever resends reads and compares.
    expect(await connection.publishChunk(chunk)).toEqual({ kind: "exists" });
    const query = { subject: chunk.subject, timeoutMs: 5_000 };
    const held = await connection.getChunk(query);
    expect(Buffer.from(held ?? []).equals(chunk.payload)).toBe(true);
  });

  test("that are not there are absent, and a foreign room's are denied", async () => {
    const { device, connection } = await inRoom();
    const { chunk } = chunkOf(device, 7);
    const { subject } = chunk;
    expect(await connection.getChunk({ subject, timeoutMs: 5_000 })).toBeUndefined();
    const foreign = chunkOf(stage.device([newRoom()]), 0).chunk;
    expect(await connection.publishChunk(foreign)).toEqual({ kind: "denied" });
    await expect(
      connection.getChunk({ subject: foreign.subject, timeoutMs: 60_000 }),
    ).rejects.toMatchObject({ code: "ERR_CONNECTION_DENIED" });
  });
});

describe("a stream that is full", () => {
  let full: NatsStage;
  let device: Device;
  let connection: Connection;
  beforeAll(async () => {
    full = await NatsStage.start(1 << 20);
    device = full.device([newRoom()]);
    connection = await device.connect();
  });
  afterAll(async () => {
    await full?.[Symbol.asyncDispose]();
  });

  test("[F90] refuses records, one or several, and keeps what it has", async () => {
    const [room = newRoom()] = device.rooms;
    const fence = await full.fence(room);
    const large = new Uint8Array(400_000);
    const fill = batchOf({ device, room, fence, payloads: [large, large] });
    expect(await connection.publish(fill)).toMatchObject({ kind: "stored" });
    for (const payloads of [[large], [large, large]]) {
      const batch = batchOf({ device, room, fence, payloads });
      expect(await connection.publish(batch)).toEqual({ kind: "stream-full" });
    }
    const small = batchOf({ device, room, fence, payloads: ["small"] });
    expect(await connection.publish(small)).toMatchObject({ kind: "stored" });
  });

  test("refuses chunks; one that is there already still counts as there", async () => {
    const { chunk: first, file } = chunkOf(device, 0);
    expect(await connection.publishChunk(first)).toEqual({ kind: "stored" });
    expect(await connection.publishChunk(chunkOf(device, 1, file).chunk)).toEqual({
      kind: "stored",
    });
    expect(await connection.publishChunk(chunkOf(device, 2, file).chunk)).toEqual({
      kind: "stream-full",
    });
    const again = { ...first, messageId: messageId() };
    expect(await connection.publishChunk(again)).toEqual({ kind: "exists" });
  });
});

describe("a server that goes away", () => {
  test("in the middle of a publish leaves it unknown, and after it every call says so", async () => {
    await using own = await NatsStage.start();
    const room = newRoom();
    const device = own.device([room]);
    const connection = await device.connect();
    const fence = await own.fence(room);
    await own.freeze();
    const stuck = batchOf({ device, room, fence, payloads: ["x"], timeoutMs: 200 });
    expect(await connection.publish(stuck)).toEqual({ kind: "timeout" });
    const cut = connection.publish({ ...stuck, timeoutMs: 20_000 });
    await own.nats.process.kill();
    expect(await cut).toEqual({ kind: "disconnected" });
    expect(await connection.publish(stuck)).toEqual({ kind: "disconnected" });
    expect(await connection.publishChunk(chunkOf(device, 0).chunk)).toEqual({
      kind: "disconnected",
    });
    const query = { subject: chunkOf(device, 0).chunk.subject, timeoutMs: 200 };
    await expect(connection.getChunk(query)).rejects.toMatchObject({ kind: "Transport" });
  });
});
