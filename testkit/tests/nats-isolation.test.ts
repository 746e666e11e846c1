import { fenceSubject, fileChunkSubject, roomSubject } from "@cloister/proto";
import {
  consumerNextSubject,
  fileReadSubject,
  lastRoomRecordSubject,
  NkeyPair,
} from "@cloister/server-kit";
import { api, publish, pull, Violations } from "@cloister/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Stage, setStage } from "./nats-isolation-stage.ts";

/** Attacks by a member's device with a valid token: what the server itself refuses. */
let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
}, 120_000);
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const file = "file_aaaaaaaaaaaaaaaaaaaaaaaaaa" as never;

describe("what a member may do", () => {
  test("[F49] writes to its rooms, pulls from its consumer, acknowledges", async () => {
    const { alice, one } = stage;
    const subject = roomSubject(one, alice.pair.publicKey);
    expect((await publish(alice.connection, { subject, payload: "hello" })).seq).toBeGreaterThan(0);
    const [message, ...more] = await pull(alice);
    expect(message?.subject).toBe(subject);
    expect(message?.string()).toBe("hello");
    expect(more).toEqual([]);
    const ack = await alice.connection.request(String(message?.reply), "+ACK");
    expect(ack.data.length).toBe(0);
    expect(await pull(alice)).toEqual([]);
  });

  test("[F47] writes a chunk of a file and reads it; reads the newest record of its room", async () => {
    const { alice, one } = stage;
    const at = { room: one, sender: alice.pair.publicKey, file, index: 0 };
    await publish(alice.connection, { subject: fileChunkSubject(at), payload: "chunk" });
    const chunk = await alice.connection.request(fileReadSubject(at));
    expect(chunk.string()).toBe("chunk");
    const subject = roomSubject(one, alice.pair.publicKey);
    const last = await alice.connection.request(lastRoomRecordSubject(subject));
    expect(last.headers?.get("Nats-Subject")).toBe(subject);
  });
});

describe("publishing elsewhere", () => {
  const attacks: Record<string, (at: Stage) => string> = {
    "into a room without being told to be in it": ({ one, mallory }) =>
      roomSubject(one, mallory.pair.publicKey),
    "under another device in its own room": ({ both, alice }) =>
      roomSubject(both, alice.pair.publicKey),
    "a fence": ({ both }) => fenceSubject(both),
    "to every room by a wildcard": ({ mallory }) => `room.*.${mallory.pair.publicKey}`,
    "below its own subject": ({ both, mallory }) =>
      `${roomSubject(both, mallory.pair.publicKey)}.deeper`,
    "a file into a foreign room": ({ one, mallory }) =>
      fileChunkSubject({ room: one, sender: mallory.pair.publicKey, file, index: 0 }),
    "a file under another device": ({ both, alice }) =>
      fileChunkSubject({ room: both, sender: alice.pair.publicKey, file, index: 0 }),
    "into the handshakes": ({ both }) => `hs.org_x.${both}`,
    "into the log": () => "log.org_x",
    "into another's inbox": ({ alice }) => `_INBOX.${alice.pair.publicKey}.x`,
    "a service's answer": () => "_R_.abcdef.ghijkl",
    "a call in another device's name": ({ alice }) => `ds.v1.${alice.pair.publicKey}.GetRoomKey`,
    "a call in another org's name": ({ beta, mallory }) =>
      `ds.v1.${beta.account.publicKey}.${mallory.pair.publicKey}.GetRoomKey`,
    "a call to the accounts service": ({ mallory }) =>
      `accounts.v1.${mallory.pair.publicKey}.CreateOrg`,
    "a ping to all servers": () => "$SYS.REQ.SERVER.PING",
    "an account of its own making": () => "$SYS.REQ.CLAIMS.UPDATE",
    "a question about connections": () => "$SYS.REQ.ACCOUNT.PING.CONNZ",
  };
  for (const [name, subject] of Object.entries(attacks)) {
    test(`[F49] refused: ${name}`, async () => {
      expect(await stage.mallory.refused.refusesPublish(subject(stage), "x")).toBe(true);
    });
  }
});

describe("the JetStream API", () => {
  const attacks: Record<string, (at: Stage) => string> = {
    "pull from another's consumer": ({ alice }) => consumerNextSubject(alice.pair.publicKey),
    "pull from any consumer": () => "$JS.API.CONSUMER.MSG.NEXT.ROOMS.*",
    "an ephemeral consumer": () => "$JS.API.CONSUMER.CREATE.ROOMS",
    "a named consumer": ({ mallory }) => `$JS.API.CONSUMER.CREATE.ROOMS.${mallory.pair.publicKey}`,
    "a named consumer with a filter": ({ one, mallory }) =>
      `$JS.API.CONSUMER.CREATE.ROOMS.${mallory.pair.publicKey}.room.${one}.>`,
    "a durable consumer in the old form": ({ mallory }) =>
      `$JS.API.CONSUMER.DURABLE.CREATE.ROOMS.${mallory.pair.publicKey}`,
    "a consumer of files": () => "$JS.API.CONSUMER.CREATE.FILES.x",
    "deleting a consumer": ({ alice }) => `$JS.API.CONSUMER.DELETE.ROOMS.${alice.pair.publicKey}`,
    "pausing a consumer": ({ alice }) => `$JS.API.CONSUMER.PAUSE.ROOMS.${alice.pair.publicKey}`,
    "resetting a consumer": ({ alice }) => `$JS.API.CONSUMER.RESET.ROOMS.${alice.pair.publicKey}`,
    "another's consumer info": ({ alice }) => `$JS.API.CONSUMER.INFO.ROOMS.${alice.pair.publicKey}`,
    "the list of consumers": () => "$JS.API.CONSUMER.NAMES.ROOMS",
    "stream info, which names all subjects": () => "$JS.API.STREAM.INFO.ROOMS",
    "the list of streams": () => "$JS.API.STREAM.NAMES",
    "account info": () => "$JS.API.INFO",
    "get by sequence": () => "$JS.API.STREAM.MSG.GET.ROOMS",
    "direct get by sequence": () => "$JS.API.DIRECT.GET.ROOMS",
    "direct get by sequence of files": () => "$JS.API.DIRECT.GET.FILES",
    "direct get in a foreign room": ({ one, alice }) =>
      lastRoomRecordSubject(roomSubject(one, alice.pair.publicKey)),
    "direct get of a foreign room's fence": ({ one }) => lastRoomRecordSubject(fenceSubject(one)),
    "direct get by a wildcard for the room": () => lastRoomRecordSubject("room.*.fence"),
    "direct get of everything": () => "$JS.API.DIRECT.GET.ROOMS.>",
    "direct get of a foreign room's file": ({ one, alice }) =>
      fileReadSubject({ room: one, sender: alice.pair.publicKey, file, index: 0 }),
    "a stream of its own": () => "$JS.API.STREAM.CREATE.MINE",
    "changing a stream": () => "$JS.API.STREAM.UPDATE.ROOMS",
    "deleting a stream": () => "$JS.API.STREAM.DELETE.ROOMS",
    "purging a stream": () => "$JS.API.STREAM.PURGE.ROOMS",
    "deleting a message": () => "$JS.API.STREAM.MSG.DELETE.ROOMS",
    "a stream's snapshot": () => "$JS.API.STREAM.SNAPSHOT.ROOMS",
    "restoring a stream": () => "$JS.API.STREAM.RESTORE.ROOMS",
    "acknowledging for another": ({ alice }) =>
      `$JS.ACK.ROOMS.${alice.pair.publicKey}.1.1.1.1700000000000000000.0`,
    "acknowledging for another in the second form": ({ alice, mallory }) =>
      `$JS.ACK.ROOMS.${alice.pair.publicKey}.ROOMS.${mallory.pair.publicKey}.1.2.3`,
  };
  for (const [name, subject] of Object.entries(attacks)) {
    test(`[F49] refused: ${name}`, async () => {
      expect(await stage.mallory.refused.refusesPublish(subject(stage), "{}")).toBe(true);
    });
  }

  const bodies: Record<string, object> = {
    "a sequence": { seq: 1 },
    "another subject, last": { last_by_subj: "room.x.y" },
    "another subject, next": { seq: 1, next_by_subj: ">" },
    "several subjects": { multi_last: [">"] },
    "a batch": { batch: 100, next_by_subj: ">" },
    "a time": { start_time: "2020-01-01T00:00:00Z" },
    "an unknown field beside a sequence": { seq: 1, x: 1 },
  };
  for (const [name, body] of Object.entries(bodies)) {
    test(`[F49] refused: direct get in its own room whose body names ${name}`, async () => {
      const { mallory, both } = stage;
      const subject = lastRoomRecordSubject(roomSubject(both, mallory.pair.publicKey));
      const reply = await mallory.connection.request(subject, JSON.stringify(body));
      expect(reply.headers?.code).toBe(408);
      expect(reply.data.length).toBe(0);
    });
  }

  test("[F49] refused: a field that asks for more than the last record, under an unknown name", async () => {
    const { mallory, both } = stage;
    const subject = roomSubject(both, mallory.pair.publicKey);
    await publish(mallory.connection, { subject, payload: "mine" });
    const reply = await mallory.connection.request(lastRoomRecordSubject(subject), '{"x":1}');
    expect(reply.headers?.get("Nats-Subject")).toBe(subject);
  });

  test("[F49] harmless: a wildcard below its own room finds that room's records alone", async () => {
    const { mallory, alice, one, both } = stage;
    await publish(alice.connection, {
      subject: roomSubject(one, alice.pair.publicKey),
      payload: "1",
    });
    const subject = roomSubject(both, mallory.pair.publicKey);
    await publish(mallory.connection, { subject, payload: "both" });
    const reply = await mallory.connection.request(lastRoomRecordSubject(`room.${both}.*`));
    expect(reply.headers?.get("Nats-Subject")).toBe(subject);
  });
});

describe("listening elsewhere", () => {
  const subjects: Record<string, (at: Stage) => string> = {
    everything: () => ">",
    "all rooms": () => "room.>",
    "its own room beside its consumer": ({ both }) => `room.${both}.*`,
    "a foreign room": ({ one }) => `room.${one}.*`,
    "all inboxes": () => "_INBOX.>",
    "another's inbox": ({ alice }) => `_INBOX.${alice.pair.publicKey}.>`,
    "inboxes by a wildcard": () => "_INBOX.*.x",
    "services' answers": () => "_R_.>",
    "calls to the Delivery Service": () => "ds.v1.>",
    "calls to accounts": () => "accounts.v1.>",
    "the JetStream API": () => "$JS.API.>",
    acknowledgements: () => "$JS.ACK.>",
    advisories: () => "$JS.EVENT.ADVISORY.>",
    "the system": () => "$SYS.>",
  };
  for (const [name, subject] of Object.entries(subjects)) {
    test(`[F49] refused: ${name}`, async () => {
      expect(await stage.mallory.refused.refusesSubscribe(subject(stage))).toBe(true);
    });
  }

  test("[F49] refused: sharing another's inbox by a queue group", async () => {
    const { mallory, alice } = stage;
    const inbox = `_INBOX.${alice.pair.publicKey}.>`;
    expect(await mallory.refused.refusesSubscribe(inbox, "group")).toBe(true);
  });
});

describe("another org", () => {
  test("[F49] refused: a room of the same name in another account stays apart", async () => {
    const { nats, beta, both, alice } = stage;
    const spy = await nats.member(beta, [both]);
    const subject = roomSubject(both, spy.pair.publicKey);
    await publish(spy.connection, { subject, payload: "from beta" });
    await publish(alice.connection, {
      subject: roomSubject(both, alice.pair.publicKey),
      payload: "a",
    });
    const found = await spy.connection.request(lastRoomRecordSubject(`room.${both}.*`));
    expect(found.string()).toBe("from beta");
  });

  test("[F49] the service learns org and device from the subject alone", async () => {
    const { nats, alpha, beta, both, delivery, alice } = stage;
    const seen: string[] = [];
    const subscription = delivery.connection.subscribe("ds.v1.*.*.*", {
      callback: (_error, message) => {
        seen.push(message.subject);
        message.respond("ok");
      },
    });
    await delivery.connection.flush();
    const guest = await nats.member(beta, [both]);
    for (const user of [alice, guest]) {
      const subject = `ds.v1.${user.pair.publicKey}.GetRoomKey`;
      expect((await user.connection.request(subject)).string()).toBe("ok");
    }
    subscription.unsubscribe();
    expect(seen).toEqual([
      `ds.v1.${alpha.account.publicKey}.${alice.pair.publicKey}.GetRoomKey`,
      `ds.v1.${beta.account.publicKey}.${guest.pair.publicKey}.GetRoomKey`,
    ]);
  });
});

describe("keys of services", () => {
  test("[F49] refused: the relay's key in an org writes or reads as a device", async () => {
    const { relay, both, alice } = stage;
    const subject = roomSubject(both, alice.pair.publicKey);
    expect(await relay.refused.refusesPublish(subject)).toBe(true);
    expect(await relay.refused.refusesPublish(consumerNextSubject(alice.pair.publicKey))).toBe(
      true,
    );
    expect(await relay.refused.refusesPublish(`ds.v1.${alice.pair.publicKey}.GetRoomKey`)).toBe(
      true,
    );
    expect(await relay.refused.refusesSubscribe("room.>")).toBe(true);
    expect(await relay.refused.refusesPublish("$JS.API.STREAM.DELETE.ROOMS")).toBe(true);
    expect(await relay.refused.refusesPublish("$JS.API.STREAM.MSG.GET.ROOMS")).toBe(true);
  });

  test("[F49] refused: a gateway or the Delivery Service answers for accounts", async () => {
    const { nats, delivery } = stage;
    const gateway = await nats.service("gateway");
    const refused = new Violations(gateway);
    expect(await refused.refusesSubscribe("accounts.v1.*.*.*")).toBe(true);
    expect(await delivery.refused.refusesSubscribe("accounts.v1.*.*.*")).toBe(true);
    const other = NkeyPair.generate("user").publicKey;
    expect(await refused.refusesPublish(`accounts.v1.${other}.CreateOrg`)).toBe(true);
  });

  test("[F49] refused: deleting what is stored, even with the relay's key", async () => {
    const { relay } = stage;
    const info = await api(relay.connection, "$JS.API.STREAM.INFO.ROOMS");
    expect(info).toMatchObject({
      config: { deny_delete: true, discard: "new", allow_direct: true },
    });
    expect(await relay.refused.refusesPublish("$JS.API.STREAM.MSG.DELETE.ROOMS")).toBe(true);
  });
});
