import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Connection, DeliveredRecord, Inbox, InboxPage } from "@cloister/client-core";
import { roomSubject, streamNames } from "@cloister/proto";
import { api } from "@cloister/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { batchOf, type Device, NatsStage, newRoom } from "./support/nats-stage.ts";

let stage: NatsStage;
beforeAll(async () => {
  stage = await NatsStage.start(512 << 20);
}, 600_000);
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const aheadBytes = 8 << 20;

async function inRoom(on = stage) {
  const room = newRoom();
  const device = on.device([room]);
  await on.consumer(device);
  const connection = await device.connect();
  const fence = await on.fence(room);
  const send = async (payloads: readonly (string | Uint8Array)[]) =>
    expect(await connection.publish(batchOf({ device, room, fence, payloads }))).toMatchObject({
      kind: "stored",
    });
  return { room, device, connection, send };
}

function open(connection: Connection, device: Device, maxAheadBytes = aheadBytes): Promise<Inbox> {
  const { publicKey: consumer } = device.pair;
  return connection.openInbox({ stream: streamNames.rooms, consumer, maxAheadBytes });
}

const texts = (records: readonly DeliveredRecord[]) =>
  records.map(({ payload }) => Buffer.from(payload).toString());

/** Pages until nothing more waits on the server. */
async function drain(inbox: Inbox): Promise<DeliveredRecord[]> {
  const all: DeliveredRecord[] = [];
  for (;;) {
    const { records, isDrained, isEnded } = await inbox.next();
    all.push(...records);
    inbox.ack(records);
    if (isDrained || isEnded) return all;
  }
}

async function waitingOf(device: Device, on = stage): Promise<{ ack: number; pending: number }> {
  const info = await api(
    on.relay.connection,
    `$JS.API.CONSUMER.INFO.ROOMS.${device.pair.publicKey}`,
  );
  const { num_ack_pending, num_pending } = info as {
    num_ack_pending?: number;
    num_pending?: number;
  };
  return { ack: num_ack_pending ?? -1, pending: num_pending ?? -1 };
}

describe("an inbox", () => {
  test("answers at once even if nothing waits, and then brings what comes", async () => {
    const room = newRoom();
    const device = stage.device([room]);
    await stage.consumer(device);
    const connection = await device.connect();
    await using inbox = await open(connection, device);
    expect(await inbox.next()).toEqual({ records: [], isDrained: true, isEnded: false });
    const later = inbox.next();
    const fence = await stage.fence(room);
    const { records, isDrained } = await later;
    expect(records).toMatchObject([{ sequence: fence, subject: `room.${room}.fence` }]);
    expect(isDrained).toBe(true);
  });

  test("[F45] brings everything once, in order, by whom it came; what is acknowledged does not return", async () => {
    const { room, device, connection, send } = await inRoom();
    const expected = ["fence", ...Array.from({ length: 1_500 }, (_, index) => `text ${index}`)];
    await send(expected.slice(1, 501));
    await send(expected.slice(501, 1001));
    await send(expected.slice(1001));
    {
      await using inbox = await open(connection, device);
      const records = await drain(inbox);
      expect(texts(records)).toEqual(expected);
      const sequences = records.map(({ sequence }) => sequence);
      expect(sequences).toEqual(sequences.toSorted((a, b) => (a < b ? -1 : 1)));
      expect(records[1]?.subject).toBe(roomSubject(room, device.pair.publicKey));
    }
    await expect.poll(() => waitingOf(device)).toEqual({ ack: 0, pending: 0 });
    await using again = await open(connection, device);
    expect((await again.next()).records).toEqual([]);
  });

  test("fetches no more ahead than it may, in bytes and in records", async () => {
    const { device, connection, send } = await inRoom();
    const large = new Uint8Array(300_000);
    for (let round = 0; round < 5; round += 1) await send([large, large, large, large]);
    {
      await using inbox = await open(connection, device, 1 << 20);
      await inbox.next();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { ack } = await waitingOf(device);
      expect(ack).toBeGreaterThan(2);
      // A pull of the least size may be under way while half of what may wait is here.
      expect(ack).toBeLessThan(10);
      expect((await drain(inbox)).length).toBeGreaterThan(10);
    }
    const small = await inRoom();
    for (let round = 0; round < 4; round += 1)
      await small.send(Array.from({ length: 500 }, String));
    await using inbox = await open(small.connection, small.device);
    let taken = 0;
    while (taken < 2_001) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const { pending } = await waitingOf(small.device);
      expect(2_001 - pending - taken).toBeLessThanOrEqual(512);
      const { records } = await inbox.next();
      taken += records.length;
      inbox.ack(records);
    }
  });

  test("ends when its consumer is deleted under it, also while something waits", async () => {
    const { device, connection, send } = await inRoom();
    await using inbox = await open(connection, device);
    await send(["last"]);
    // Stored is not yet delivered: the server hands it to the pull a moment after its answer.
    await delay(500);
    await stage.deleteConsumer(device);
    const seen: DeliveredRecord[] = [];
    let page: InboxPage;
    do {
      page = await inbox.next();
      seen.push(...page.records);
    } while (!page.isEnded);
    expect(texts(seen)).toEqual(["fence", "last"]);
    expect((await inbox.next()).isEnded).toBe(true);
  });

  test("ends where there is no consumer at all", async () => {
    const device = stage.device([newRoom()]);
    const connection = await device.connect();
    await using inbox = await open(connection, device);
    expect(await inbox.next()).toMatchObject({ records: [], isEnded: true });
  });

  test("ends by silence where the server says nothing any more", async () => {
    await using own = await NatsStage.start();
    const { device, connection } = await inRoom(own);
    await using inbox = await open(connection, device);
    await drain(inbox);
    await own.freeze();
    expect(await inbox.next()).toMatchObject({ records: [], isEnded: true });
    expect(device.states).toEqual([]);
  }, 40_000);

  test("lives on while nothing comes and nobody asks", async () => {
    const idle = await inRoom();
    const full = await inRoom();
    await full.send(Array.from({ length: 700 }, String));
    await using quiet = await open(idle.connection, idle.device);
    await drain(quiet);
    // 512 of 701 wait here, so that no pull is under way, and no heartbeat comes. The server sends
    // them again once nobody has acknowledged them for 30 s.
    await using held = await open(full.connection, full.device);
    await new Promise((resolve) => setTimeout(resolve, 33_000));
    const page = quiet.next();
    await idle.send(["after the first pull has expired"]);
    expect(texts((await page).records)).toEqual(["after the first pull has expired"]);
    const sequences = (await drain(held)).map(({ sequence }) => sequence);
    expect(new Set(sequences).size).toBe(701);
  }, 60_000);

  test("that is closed wakes whoever waits", async () => {
    const { device, connection } = await inRoom();
    const inbox = await open(connection, device);
    await drain(inbox);
    const waiting = inbox.next();
    await inbox[Symbol.asyncDispose]();
    expect((await waiting).isEnded).toBe(true);
  });
});

describe("a connection", () => {
  test("[F45] whose server is killed -9 ends its inbox, and comes back with fresh credentials", async () => {
    await using own = await NatsStage.start();
    const { device, connection, send } = await inRoom(own);
    await send(["before"]);
    const inbox = await open(connection, device);
    await drain(inbox);
    const waiting = inbox.next();
    const asked = device.asked();
    await own.nats.process.kill();
    expect((await waiting).isEnded).toBe(true);
    await expect.poll(() => device.states.at(-1)?.kind).toBe("disconnected");
    await own.restart();
    await expect.poll(() => device.states.at(-1)?.kind, { timeout: 15_000 }).toBe("connected");
    expect(device.asked()).toBeGreaterThan(asked);
    await send(["after"]);
    await using again = await open(connection, device);
    // What was acknowledged a moment before may return: the server writes that down later.
    expect(texts(await drain(again)).at(-1)).toBe("after");
  });

  test("reconnects when told to, once, with fresh credentials", async () => {
    const { device, connection, send } = await inRoom();
    const inbox = await open(connection, device);
    await connection.reconnect();
    expect(device.asked()).toBe(2);
    expect(device.states).toEqual([]);
    expect((await inbox.next()).isEnded).toBe(true);
    await send(["on the new one"]);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(device.asked()).toBe(2);
  });

  test("[F49] whose token is refused says that it is closed, and tries no further", async () => {
    const { device, connection } = await inRoom();
    device.refuse();
    await expect(connection.reconnect()).rejects.toMatchObject({ code: "ERR_CONNECTION_DENIED" });
    await expect.poll(() => device.states.at(-1)?.kind).toBe("closed");
    const asked = device.asked();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(device.asked()).toBe(asked);
  });

  test("leaves in time even if the server hangs", async () => {
    await using own = await NatsStage.start();
    const { connection } = await inRoom(own);
    await own.freeze();
    const begunMs = Date.now();
    await connection[Symbol.asyncDispose]();
    expect(Date.now() - begunMs).toBeLessThan(5_000);
  });

  test("[F1] sends nothing to a server without TLS, nor to one of another authority", async () => {
    const received: Buffer[] = [];
    const plain = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (data) => received.push(Buffer.from(data)));
      const info = { server_id: "x", version: "2.15.2", proto: 1, headers: true, nonce: "abc" };
      socket.write(`INFO ${JSON.stringify({ ...info, max_payload: 1_000_000 })}\r\n`);
    });
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
    const at = plain.address();
    const port = typeof at === "object" && at !== null ? at.port : 0;
    const stripped = stage.device([], [`tls://127.0.0.1:${port}`]);
    await expect(stripped.connect()).rejects.toMatchObject({ code: "ERR_SERVER_UNREACHABLE" });
    plain.close();
    expect(Buffer.concat(received).toString("latin1")).not.toContain("CONNECT");
    await using other = await NatsStage.start();
    const strange = stage.device([], [other.nats.url]);
    await expect(strange.connect()).rejects.toMatchObject({ code: "ERR_SERVER_UNREACHABLE" });
  });
});
