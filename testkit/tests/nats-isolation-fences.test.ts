import { randomBytes } from "node:crypto";
import { newFileId, type RoomId } from "@cloister/base";
import { fenceSubject, fileChunkSubject, inboxPrefix, roomSubject } from "@cloister/proto";
import {
  consumerNextSubject,
  fileReadSubject,
  lastRoomRecordSubject,
  memberScope,
  NkeyPair,
} from "@cloister/server-kit";
import {
  api,
  batchHeaders,
  behindFence,
  createConsumer,
  createOrgStreams,
  headersOf,
  publish,
  pull,
  pushAccount,
  RawNats,
  signUser,
  startNats,
} from "@cloister/testkit";
import { createInbox } from "@nats-io/nats-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lastOf, newRoom, player, type Stage, setStage } from "./nats-isolation-stage.ts";

/** Fences, batches, message ids, and the one thing NATS does not confine: the reply subject. */
let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
}, 120_000);
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const errors = { stale: 10_071, batchDuplicate: 10_201, subjectFull: 10_077 };

async function fence(room: RoomId, text: string): Promise<number> {
  const reply = await publish(stage.relay.connection, {
    subject: fenceSubject(room),
    payload: text,
  });
  return Number(reply.seq);
}

/** A fresh room with Alice in it, and a second device of hers: tests do not see each other. */
async function ownRoom() {
  const { nats, alpha, relay } = stage;
  const room = newRoom();
  const alice = player(await nats.member(alpha, [room]));
  await createConsumer(relay.connection, { device: alice.pair.publicKey, rooms: [room] });
  return { room, alice, subject: roomSubject(room, alice.pair.publicKey) };
}

describe("fences", () => {
  test("[F49] refused: a message behind the fence, 10071", async () => {
    const { room, alice, subject } = await ownRoom();
    const first = await fence(room, "epoch 1");
    const headers = behindFence(room, first);
    expect(
      (await publish(alice.connection, { subject, payload: "1", headers })).error,
    ).toBeUndefined();
    const second = await fence(room, "epoch 2");
    const stale = await publish(alice.connection, { subject, payload: "2", headers });
    expect(stale.error?.err_code).toBe(errors.stale);
    const fresh = { subject, payload: "2", headers: behindFence(room, second) };
    expect((await publish(alice.connection, fresh)).error).toBeUndefined();
  });

  test("[F49] refused: a batch behind the fence, as a whole", async () => {
    const { room, alice, subject } = await ownRoom();
    const first = await fence(room, "epoch 1");
    await fence(room, "epoch 2");
    const before = await lastOf(alice, fenceSubject(room));
    for (const sequence of [1, 2]) {
      const headers = { ...batchHeaders("b1", sequence, false), ...behindFence(room, first) };
      alice.connection.publish(subject, `${sequence}`, { headers: headersOf(headers) });
    }
    const headers = { ...batchHeaders("b1", 3, true), ...behindFence(room, first) };
    const reply = await publish(alice.connection, { subject, payload: "3", headers });
    expect(reply.error?.err_code).toBe(errors.stale);
    expect(await lastOf(alice, `room.${room}.*`)).toEqual(before);
  });

  test("[F49] harmless: a sender that leaves the header out is stored; receivers go by the epoch inside", async () => {
    const { room, alice, subject } = await ownRoom();
    await fence(room, "epoch 1");
    expect((await publish(alice.connection, { subject, payload: "x" })).error).toBeUndefined();
  });

  test("[F49] refused: a reply onto the fence neither stores a record nor moves its sequence", async () => {
    const { room, alice, subject } = await ownRoom();
    const sequence = await fence(room, "epoch 1");
    await replyInto(fenceSubject(room));
    expect(await lastOf(alice, fenceSubject(room))).toEqual({ seq: sequence, text: "epoch 1" });
    const next = { subject, payload: "1", headers: behindFence(room, sequence) };
    expect((await publish(alice.connection, next)).error).toBeUndefined();
  });
});

describe("batches and message ids", () => {
  test("[F46] a batch that was stored answers 10201 when it is sent again", async () => {
    const { alice, subject } = await ownRoom();
    const send = async () => {
      const first = { ...batchHeaders("b2", 1, false), "Nats-Msg-Id": `${subject}-1` };
      alice.connection.publish(subject, "1", { headers: headersOf(first) });
      const headers = { ...batchHeaders("b2", 2, true), "Nats-Msg-Id": `${subject}-2` };
      return publish(alice.connection, { subject, payload: "2", headers });
    };
    expect(await send()).toMatchObject({ batch: "b2", count: 2 });
    expect((await send()).error?.err_code).toBe(errors.batchDuplicate);
  });

  test("[F49] refused: a batch with a message for a foreign room stores nothing", async () => {
    const { room, alice } = await ownRoom();
    const { mallory, two } = stage;
    const foreign = roomSubject(room, mallory.pair.publicKey);
    mallory.connection.publish(foreign, "1", { headers: headersOf(batchHeaders("b3", 1, false)) });
    const reply = await publish(mallory.connection, {
      subject: roomSubject(two, mallory.pair.publicKey),
      payload: "2",
      headers: batchHeaders("b3", 2, true),
    });
    expect(reply.error).toBeDefined();
    expect(await pull(alice)).toEqual([]);
  });

  test("[F49] harmless: a batch id that leaked is spoilt, never mixed: the owner is told and sends again", async () => {
    const { alice, subject } = await ownRoom();
    const { mallory, two } = stage;
    alice.connection.publish(subject, "1", { headers: headersOf(batchHeaders("b4", 1, false)) });
    await alice.connection.flush();
    const theft = await publish(mallory.connection, {
      subject: roomSubject(two, mallory.pair.publicKey),
      payload: "stolen",
      headers: batchHeaders("b4", 2, true),
    });
    const reply = await publish(alice.connection, {
      subject,
      payload: "2",
      headers: batchHeaders("b4", 2, true),
    });
    // Whoever knew the id has ended the batch; its owner is never told that all was stored.
    expect(theft.count === 2 || theft.error !== undefined).toBe(true);
    expect(reply.count).not.toBe(2);
    expect(reply.error).toBeDefined();
  });

  test("[F49] harmless: a stolen message id makes the owner's message a duplicate, which it compares", async () => {
    const { alice, subject } = await ownRoom();
    const { mallory, two } = stage;
    const headers = { "Nats-Msg-Id": "stolen-before-use" };
    await publish(mallory.connection, {
      subject: roomSubject(two, mallory.pair.publicKey),
      payload: "mine",
      headers,
    });
    const reply = await publish(alice.connection, { subject, payload: "hers", headers });
    expect(reply.duplicate).toBe(true);
    // Her own subject is empty, so the comparison fails and she sends under a new id.
    const own = await alice.connection.request(lastRoomRecordSubject(subject));
    expect(own.headers?.code).toBe(404);
  });
});

/** Every way known to make the server send bytes of one's choice, or its own, to `target`. */
async function replyInto(target: string): Promise<void> {
  const { mallory, two, delivery } = stage;
  const service = delivery.connection.subscribe("ds.v1.*.*.*", {
    callback: (_error, message) => void message.respond("answer"),
  });
  await delivery.connection.flush();
  const device = mallory.pair.publicKey;
  const own = roomSubject(two, device);
  const evilConsumer = JSON.stringify({
    stream_name: "ROOMS",
    config: { durable_name: "evil", name: "evil", deliver_subject: `_INBOX.${device}.evil` },
  });
  for (const payload of [evilConsumer, ""]) {
    await publish(mallory.connection, { subject: own, payload });
    mallory.connection.publish(own, payload, { reply: target });
    mallory.connection.publish(lastRoomRecordSubject(own), "", { reply: target });
    mallory.connection.publish(consumerNextSubject(device), '{"batch":100,"no_wait":true}', {
      reply: target,
    });
    mallory.connection.publish(`$JS.ACK.ROOMS.${device}.1.1.1.1.1`, "+ACK", { reply: target });
    mallory.connection.publish(`$JS.ACK.ROOMS.${device}.1.1.1.1.1`, "+NXT", { reply: target });
    mallory.connection.publish(`ds.v1.${device}.GetRoomKey`, payload, { reply: target });
  }
  await mallory.connection.flush();
  await new Promise((resolve) => setTimeout(resolve, 150));
  service.unsubscribe();
}

describe("the reply subject, which no permission covers", () => {
  test("[F49] refused: the server's words, or chosen bytes, in a foreign room under another's name", async () => {
    const { alice, subject } = await ownRoom();
    await replyInto(subject);
    expect(await pull(alice)).toEqual([]);
  });

  test("[F49] refused: an older fence, signature and all, stored again", async () => {
    const { room, alice } = await ownRoom();
    await fence(room, "signed: epoch 1");
    const newest = await fence(room, "signed: epoch 2");
    alice.connection.publish(consumerNextSubject(alice.pair.publicKey), '{"batch":1}', {
      reply: fenceSubject(room),
    });
    await alice.connection.flush();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await lastOf(alice, fenceSubject(room))).seq).toBe(newest);
  });

  test("[F49] refused: the JetStream API: consumers, purge, delete", async () => {
    const { room, alice, subject } = await ownRoom();
    const { relay } = stage;
    await publish(alice.connection, { subject, payload: "stays" });
    const state = async () => ({
      stream: await api(relay.connection, "$JS.API.STREAM.INFO.FILES"),
      consumers: await api(relay.connection, "$JS.API.CONSUMER.NAMES.ROOMS"),
      last: await lastOf(alice, subject),
    });
    const before = await state();
    for (const target of [
      "$JS.API.CONSUMER.CREATE.ROOMS.evil",
      "$JS.API.CONSUMER.DURABLE.CREATE.ROOMS.evil",
      `$JS.API.CONSUMER.CREATE.ROOMS.evil.room.${room}.>`,
      `$JS.API.CONSUMER.DELETE.ROOMS.${alice.pair.publicKey}`,
      "$JS.API.STREAM.PURGE.ROOMS",
      "$JS.API.STREAM.DELETE.ROOMS",
      "$JS.API.STREAM.DELETE.FILES",
    ]) {
      await replyInto(target);
      const { consumers, last } = await state();
      expect({ target, consumers: namesOf(consumers), last }).toEqual({
        target,
        consumers: namesOf(before.consumers),
        last: before.last,
      });
    }
    const files = await api(relay.connection, "$JS.API.STREAM.INFO.FILES");
    expect(files.error).toBeUndefined();
  });

  test("[F49] control: with JetStream in the members' account, the same reply creates a consumer", async () => {
    await using old = await startNats({ orgs: ["alpha"] });
    const { store, storeTemplate } = old.org("alpha");
    const memberKey = NkeyPair.generate("account");
    const scopes = [...storeTemplate.scopes, memberScope(memberKey.publicKey)];
    await pushAccount(old, { ...storeTemplate, scopes });
    const relay = await old.relay(old.org("alpha"));
    await createOrgStreams(relay.connection);
    const [one, two] = [newRoom(), newRoom()];
    const pair = NkeyPair.generate("user");
    const jwt = signUser({ account: store, key: memberKey, user: pair, tags: [`room:${two}`] });
    const { connection } = await old.connect({ jwt, pair });
    const own = roomSubject(two, pair.publicKey);
    const config = {
      durable_name: "evil",
      name: "evil",
      ack_policy: "none",
      filter_subject: `room.${one}.>`,
      deliver_subject: `_INBOX.${pair.publicKey}.evil`,
    };
    const payload = JSON.stringify({ stream_name: "ROOMS", config });
    await publish(connection, { subject: own, payload });
    connection.publish(lastRoomRecordSubject(own), "", {
      reply: "$JS.API.CONSUMER.CREATE.ROOMS.evil",
    });
    await connection.flush();
    const names = await eventually(
      async () => namesOf(await api(relay.connection, "$JS.API.CONSUMER.NAMES.ROOMS")),
      (found) => found.length > 0,
    );
    expect(names).toEqual(["evil"]);
  });

  test("[F49] control: the second form of acknowledgement, if it were granted, pulls another's messages", async () => {
    await using old = await startNats({ orgs: ["alpha"] });
    const { store, storeTemplate } = old.org("alpha");
    const memberKey = NkeyPair.generate("account");
    const scope = memberScope(memberKey.publicKey);
    const allow = [...scope.template.pub.allow, "$JS.ACK.*.*.ROOMS.{{subject()}}.>"];
    const wide = { ...scope, template: { ...scope.template, pub: { allow } } };
    await pushAccount(old, { ...storeTemplate, scopes: [...storeTemplate.scopes, wide] });
    const relay = await old.relay(old.org("alpha"));
    await createOrgStreams(relay.connection);
    const room = newRoom();
    const victim = NkeyPair.generate("user");
    await createConsumer(relay.connection, { device: victim.publicKey, rooms: [room] });
    await publish(relay.connection, { subject: fenceSubject(room), payload: "for the victim" });
    const pair = NkeyPair.generate("user");
    const jwt = signUser({ account: store, key: memberKey, user: pair });
    const { connection } = await old.connect({ jwt, pair });
    const inbox = createInbox(inboxPrefix(pair.publicKey));
    const stolen = connection.subscribe(inbox, { max: 1 });
    const ack = `$JS.ACK.ROOMS.${victim.publicKey}.ROOMS.${pair.publicKey}.1.1.1`;
    connection.publish(ack, "+NXT", { reply: inbox });
    for await (const message of stolen) expect(message.string()).toBe("for the victim");
  });

  test("[F49] refused: handshakes and their stream, in the account of the Delivery Service", async () => {
    const { delivery, both } = stage;
    const config = {
      name: "HANDSHAKES",
      subjects: ["hs.*.*"],
      storage: "file",
      max_bytes: 1 << 20,
    };
    await api(delivery.connection, "$JS.API.STREAM.CREATE.HANDSHAKES", config);
    await publish(delivery.connection, { subject: `hs.org_x.${both}`, payload: "commit" });
    await replyInto(`hs.org_x.${both}`);
    await replyInto("$JS.API.STREAM.PURGE.HANDSHAKES");
    await replyInto("$JS.API.STREAM.DELETE.HANDSHAKES");
    const info = await api(delivery.connection, "$JS.API.STREAM.INFO.HANDSHAKES");
    expect(info).toMatchObject({ state: { messages: 1 } });
  });

  test("[F49] refused: a call to the Delivery Service in another's name", async () => {
    const { delivery, alice } = stage;
    const calls: string[] = [];
    const spy = delivery.connection.subscribe("ds.v1.*.*.*", {
      callback: (_error, message) => void calls.push(message.subject),
    });
    await delivery.connection.flush();
    await replyInto(`ds.v1.${alice.pair.publicKey}.GetRoomKey`);
    spy.unsubscribe();
    expect(calls.filter((subject) => subject.includes(alice.pair.publicKey))).toEqual([]);
  });

  test("[F49] refused: another's messages through a pull in its name", async () => {
    const { alice, subject } = await ownRoom();
    await publish(alice.connection, { subject, payload: "hers" });
    await replyInto(consumerNextSubject(alice.pair.publicKey));
    const waiting = await pull(alice);
    expect(waiting.map((message) => message.string())).toEqual(["hers"]);
  });

  test("[F49] refused: acknowledging for another by a reply, and answering in the server's name", async () => {
    const { alice, subject } = await ownRoom();
    const { mallory, two } = stage;
    await publish(alice.connection, { subject, payload: "hers" });
    const [message] = await pull(alice);
    const own = roomSubject(two, mallory.pair.publicKey);
    await publish(mallory.connection, { subject: own, payload: "+TERM" });
    for (const reply of [String(message?.reply), "_R_.abcdef.ghijkl"]) {
      await using raw = await RawNats.open(rawOptions());
      raw.signIn(mallory.jwt, mallory.pair);
      await raw.until(/PONG/);
      raw.send(`PUB ${lastRoomRecordSubject(own)} ${reply} 0\r\n\r\n`);
      expect(await raw.until(/-ERR/)).toContain("Permissions Violation");
    }
  });

  test("[F49] refused: a stored chunk of a file is not replaced, a free one not taken", async () => {
    const { room, alice } = await ownRoom();
    const file = newFileId({ bytes: (length) => new Uint8Array(randomBytes(length)) });
    const at = { room, sender: alice.pair.publicKey, file, index: 0 };
    await publish(alice.connection, { subject: fileChunkSubject(at), payload: "chunk" });
    const again = await publish(alice.connection, { subject: fileChunkSubject(at), payload: "2" });
    expect(again.error?.err_code).toBe(errors.subjectFull);
    const free = { ...at, index: 1 };
    await replyInto(fileChunkSubject(at));
    await replyInto(fileChunkSubject(free));
    expect((await alice.connection.request(fileReadSubject(at))).string()).toBe("chunk");
    expect((await alice.connection.request(fileReadSubject(free))).headers?.code).toBe(404);
  });

  test("[F49] harmless: what lands in another's inbox is an acknowledgement or one's own message", async () => {
    const { alice } = await ownRoom();
    const { mallory, two } = stage;
    const inbox = createInbox(inboxPrefix(alice.pair.publicKey));
    const subscription = alice.connection.subscribe(inbox, { max: 1 });
    await alice.connection.flush();
    mallory.connection.publish(roomSubject(two, mallory.pair.publicKey), "x", { reply: inbox });
    for await (const message of subscription)
      expect(message.json()).toMatchObject({ stream: "ROOMS" });
  });
});

describe("headers that make the server act", () => {
  const refusals: Record<string, readonly [Record<string, string>, number]> = {
    "a rollup that would purge the stream": [{ "Nats-Rollup": "all" }, 10_111],
    "a rollup of a subject": [{ "Nats-Rollup": "sub" }, 10_111],
    "a life of one second": [{ "Nats-TTL": "1" }, 10_166],
    "a message to be sent later elsewhere": [
      { "Nats-Schedule": "@at 2030-01-01T00:00:00Z", "Nats-Schedule-Target": "room.x.fence" },
      10_188,
    ],
    "a counter": [{ "Nats-Incr": "1" }, 10_168],
  };
  for (const [name, [headers, code]] of Object.entries(refusals)) {
    test(`[F49] refused: ${name}`, async () => {
      const { alice, subject } = await ownRoom();
      const reply = await publish(alice.connection, { subject, payload: "x", headers });
      expect(reply.error?.err_code).toBe(code);
    });
  }

  test("[F49] refused: a trace of the message, sent to a foreign subject", async () => {
    const { room, alice } = await ownRoom();
    const { mallory, two } = stage;
    const target = fenceSubject(room);
    const headers = headersOf({ "Nats-Trace-Dest": target });
    mallory.connection.publish(roomSubject(two, mallory.pair.publicKey), "x", { headers });
    await mallory.connection.flush();
    await new Promise((resolve) => setTimeout(resolve, 150));
    const found = await alice.connection.request(lastRoomRecordSubject(target));
    expect(found.headers?.code).toBe(404);
  });
});

function namesOf(reply: unknown): string[] {
  return (reply as { consumers?: string[] }).consumers?.toSorted() ?? [];
}

function rawOptions() {
  return { port: stage.nats.port, caPem: stage.nats.authority.certPem };
}

async function eventually<T>(read: () => Promise<T>, enough: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const value = await read();
    if (enough(value) || Date.now() > deadline) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
