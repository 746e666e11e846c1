import { type GroupId, idBytes } from "@cloister/base";
import {
  type Client,
  connect,
  type FileSource,
  type Room,
  type RoomNotice,
} from "@cloister/client-core";
import type { MemberEngine } from "@cloister/group-engine/types";
import { fenceSubject, relayV1, roomSubject, roomsV1, userNkeyFromBytes } from "@cloister/proto";
import { bodies, parseHandshake, roomAt } from "@cloister/rules";
import { describe, expect, it } from "vitest";
import { padBatch, parsePadded } from "../src/outbox/padding.ts";
import { texts, until } from "./world/collect.ts";
import { type Player, World } from "./world/world.ts";

interface Pair {
  readonly alice: Client;
  readonly alicePlayer: Player;
  readonly bob: Client;
  readonly bobPlayer: Player;
  readonly den: Room;
  readonly bobs: Room;
}

async function pair(world: World): Promise<Pair> {
  const alicePlayer = await world.found();
  const alice = await alicePlayer.open();
  const { room } = await world.room(alice);
  const bobPlayer = await world.invite(alice, room, "Bob");
  const bob = await bobPlayer.open();
  const den = await alice.room(room);
  const bobs = await bob.room(room);
  await until(() => bobs.status().phase.kind === "active", "bob is confirmed");
  await Promise.all([den.flushed(), bobs.flushed()]);
  return { alice, alicePlayer, bob, bobPlayer, den, bobs };
}

/** Everything the room says by name, from now on. */
function noticesOf(room: Room): RoomNotice[] {
  const found: RoomNotice[] = [];
  void (async () => {
    for await (const notice of room.notices()) found.push(notice);
  })();
  return found;
}

describe("a hostile network, relay or member", () => {
  it("refuses a stale fence: what was sealed for an older epoch is sealed anew and shown once", async () => {
    await using world = new World();
    const { den, bobs } = await pair(world);
    let isFirst = true;
    world.relay.faults.publish = () => {
      if (!isFirst) return "ok";
      isFirst = false;
      return "lose";
    };
    const sent = await den.send("sealed for the old epoch");
    await bobs.renewKeys();
    expect(await sent.stored).toMatchObject({ resent: true });
    await until(async () => (await texts(bobs)).length === 1, "it arrives");
    expect(await texts(bobs)).toEqual(["sealed for the old epoch"]);
  });

  it("resends under the same id when no answer comes, and shows it once", async () => {
    await using world = new World();
    const { den, bobs } = await pair(world);
    let lost = 0;
    world.relay.faults.publish = () => {
      lost += 1;
      return lost <= 2 ? "lose-answer" : "ok";
    };
    await (await den.send("twice on the way")).stored;
    await den.flushed();
    await (await den.send("end")).stored;
    await until(async () => (await texts(bobs)).includes("end"), "all arrives");
    expect(await texts(bobs)).toEqual(["twice on the way", "end"]);
    expect(await texts(den)).toEqual(["twice on the way", "end"]);
  });

  it("takes a new Msg-Id when somebody has stolen the first", async () => {
    await using world = new World();
    const { den, bobs } = await pair(world);
    const ids: string[] = [];
    world.relay.faults.publish = ({ records }) => {
      ids.push(...records.map(({ messageId }) => messageId));
      return ids.length === 1 ? "duplicate" : "ok";
    };
    await (await den.send("mine")).stored;
    expect(new Set(ids).size).toBe(2);
    await until(async () => (await texts(bobs)).length === 1, "it arrives");
  });

  it("keeps what a full stream refuses, and says so", async () => {
    await using world = new World();
    const { den, bobs } = await pair(world);
    world.relay.faults.publish = () => "stream-full";
    const sent = await den.send("patience");
    await until(() => {
      const state = den.messageState(sent.id);
      return state?.kind === "waiting" && state.reason.kind === "stream-full";
    }, "it says that the stream is full");
    world.relay.faults = {};
    await sent.stored;
    await until(async () => (await texts(bobs)).length === 1, "it arrives");
  });

  it("skips junk on the fence subject: the number moves, the epoch does not", async () => {
    await using world = new World();
    const { den, bobs } = await pair(world);
    const epoch = den.status().epoch;
    world.relay.append(
      fenceSubject(den.id),
      new TextEncoder().encode('{"stream":"ROOMS","seq":1}'),
    );
    await (await den.send("after the junk")).stored;
    await until(async () => (await texts(bobs)).length === 1, "it arrives");
    expect(den.status()).toMatchObject({ epoch, skippedRecords: 1 });
  });

  it("skips a fence that no authorised relay has signed", async () => {
    await using world = new World();
    const { den, bobs } = await pair(world);
    const real = world.relay.stream.findLast(({ subject }) => subject === fenceSubject(den.id));
    const content = roomsV1.RoomRecord.decode(real?.payload ?? new Uint8Array(0)).content;
    if (content?.$case !== "fence") throw new Error("no fence");
    const forged = { ...content.value, signature: new Uint8Array(64) };
    const payload = roomsV1.RoomRecord.encode({
      content: { $case: "fence", value: forged },
    }).finish();
    world.relay.append(fenceSubject(den.id), payload);
    await (await den.send("still here")).stored;
    await until(async () => (await texts(bobs)).length === 1, "it arrives");
    expect(bobs.status().skippedRecords).toBe(1);
  });

  it("sets a poisoned record aside, counts it, and reads on", async () => {
    await using world = new World();
    const { den, bobs } = await pair(world);
    const notices = noticesOf(bobs);
    await (await den.send("before the poison")).stored;
    const last = world.relay.stream.findLast(({ subject }) => !subject.endsWith(".fence"));
    const poisoned = Uint8Array.from(last?.payload ?? []);
    // In the sender data: past them it would be a repeat of what was read.
    poisoned[60] = (poisoned[60] ?? 0) ^ 1;
    world.relay.append(roomSubject(den.id, userNkeyFromBytes(new Uint8Array(32))), poisoned);
    await (await den.send("after the poison")).stored;
    await until(async () => (await texts(bobs)).length === 2, "it arrives");
    expect(bobs.status().setAsideRecords).toBe(1);
    expect(notices.map(({ kind }) => kind)).toContain("set-aside");
  });

  it("takes a record of its own under a foreign subject for a copy, not for a lost store", async () => {
    await using world = new World();
    const { den, bobs } = await pair(world);
    const notices = noticesOf(den);
    await (await den.send("said once")).stored;
    const own = world.relay.stream.findLast(({ subject }) => !subject.endsWith(".fence"));
    const { epoch } = den.status();
    // Longer ago than this device remembers its own records: a store of before it was sent.
    const copied = Uint8Array.from(own?.payload ?? []);
    const foreign = roomSubject(den.id, userNkeyFromBytes(new Uint8Array(32)));
    for (let count = 0; count < 40; count += 1) await (await den.send(`later ${count}`)).stored;
    world.relay.append(foreign, copied);
    await (await den.send("end")).stored;
    await until(async () => (await texts(bobs)).includes("end"), "all arrives");
    await den.caughtUp();
    expect(den.status()).toMatchObject({ epoch, skippedRecords: 1, setAsideRecords: 0 });
    expect(notices).toEqual([]);
  });

  it("never begins a room anew that it has been in, whatever the relay says", async () => {
    await using world = new World();
    const { alice, alicePlayer, den } = await pair(world);
    await alice[Symbol.asyncDispose]();
    for (const key of alicePlayer.disk.rows.keys()) {
      if (key.startsWith("engine/")) alicePlayer.disk.rows.delete(key);
    }
    world.relay.rooms.delete(den.id);
    const client = await alicePlayer.open();
    await expect(client.room(den.id)).rejects.toMatchObject({
      code: "ERR_ROOM_STOPPED",
      details: { reason: "ERR_ROOM_KEY_OLD" },
    });
    expect(world.relay.rooms.has(den.id)).toBe(false);
  });

  it("names a handshake with a bad confirmation tag void, and the room goes on", async () => {
    await using world = new World();
    const { den, bobs, bob, bobPlayer } = await pair(world);
    const notices = noticesOf(den);
    // Bob's device signs a commit whose tag it has broken: his signature covers it, MLS's does not.
    const forged = await brokenCommit(world, bobPlayer, bobs);
    await world.relay.force(den.id, forged);
    await until(() => notices.some(({ kind }) => kind === "void-handshake"), "alice says so");
    const told = notices.find((notice) => notice.kind === "void-handshake");
    expect(told).toMatchObject({ device: bob.deviceId });
    await (await den.send("we go on")).stored;
    await until(async () => (await texts(bobs)).includes("we go on"), "it arrives");
    expect(den.status().phase.kind).toBe("active");
  });

  it("[F45] joins anew where a handshake that it refused has been built upon", async () => {
    await using world = new World();
    const { den, bobs, bobPlayer } = await pair(world);
    const notices = noticesOf(den);
    const forged = await brokenCommit(world, bobPlayer, bobs);
    await world.relay.force(den.id, forged);
    await until(() => notices.some(({ kind }) => kind === "void-handshake"), "alice refuses it");
    // No refusal leads back behind what the relay has let another handshake extend.
    const { message } = parseHandshake(forged);
    const next = { ...message, index: message.index + 1n, epoch: message.epoch + 1n };
    await world.relay.force(den.id, await bobPlayer.signHandshake(next));
    await until(() => notices.some(({ kind }) => kind === "resynced"), "alice joins anew");
    expect(notices.filter(({ kind }) => kind === "void-handshake")).toHaveLength(1);
  });

  it("a member's false confirmation neither ends a newcomer's room nor silences the others", async () => {
    await using world = new World();
    const alicePlayer = await world.found();
    const alice = await alicePlayer.open();
    const { room } = await world.room(alice);
    const den = await alice.room(room);
    const liar = await world.invite(alice, room, "Bob");
    let isLying = false;
    const ports = liar.ports();
    const bob = await connect({
      ...ports,
      engine: async (options) =>
        liarsEngine(await ports.engine(options), { isLying: () => isLying }),
    });
    world.clients.add(bob);
    const bobs = await bob.room(room);
    await until(() => bobs.status().phase.kind === "active", "bob is confirmed");
    await Promise.all([den.flushed(), bobs.flushed()]);
    const carolPlayer = await world.invite(alice, room, "Carol");
    await alice[Symbol.asyncDispose]();
    isLying = true;
    const spoken = world.relay.stream.length;
    const carol = await carolPlayer.open();
    const carols = await carol.room(room);
    await until(() => world.relay.stream.length > spoken + 1, "bob has said his lie");
    await carols.caughtUp();
    expect(carols.status().phase.kind).toBe("awaiting-confirmation");
    await alicePlayer.open();
    await until(() => carols.status().phase.kind === "active", "alice tells the truth");
  });

  it("a member's malformed words spoil nobody else's", async () => {
    await using world = new World();
    const { bob, bobPlayer, den } = await pair(world);
    await bob[Symbol.asyncDispose]();
    const ports = bobPlayer.ports();
    let broken: (item: roomsV1.Item) => void = () => undefined;
    const breakItems = ({ items }: roomsV1.Batch): void => items.forEach((item) => broken(item));
    const liar = await connect({
      ...ports,
      engine: async (options) =>
        liarsEngine(await ports.engine(options), { isLying: () => true, batch: breakItems }),
    });
    world.clients.add(liar);
    const bobs = await liar.room(den.id);
    const breaks: (typeof broken)[] = [
      (item) => {
        item.messageId = Uint8Array.of(1);
      },
      (item) => {
        item.sentMs = 2n ** 63n;
      },
      (item) => {
        const value = { ...noFile, fileId: Uint8Array.of(1) };
        item.body = { $case: "file", value };
      },
      (item) => {
        item.body = { $case: "file", value: { ...noFile, lengthBytes: 2n ** 60n } };
      },
    ];
    for (broken of breaks) await (await bobs.send("broken")).stored;
    await (await den.send("whole")).stored;
    await until(async () => (await texts(den)).includes("whole"), "it is read");
    expect(await texts(den)).not.toContain("broken");
    expect(await den.files()).toEqual([]);
  });

  it("a member's manifest does not take the place of another's file", async () => {
    await using world = new World();
    const { alice, bob, bobPlayer, den } = await pair(world);
    await bob[Symbol.asyncDispose]();
    const ports = bobPlayer.ports();
    const copied: { id?: Uint8Array } = {};
    const copy = ({ items }: roomsV1.Batch): void => {
      for (const { body } of items) {
        if (body?.$case === "file" && copied.id !== undefined) body.value.fileId = copied.id;
      }
    };
    const liar = await connect({
      ...ports,
      engine: async (options) =>
        liarsEngine(await ports.engine(options), { isLying: () => true, batch: copy }),
    });
    world.clients.add(liar);
    const bobs = await liar.room(den.id);
    const carol = await (await world.invite(alice, den.id, "Carol")).open();
    const carols = await carol.room(den.id);
    const sent = await den.sendFile(fileOf("plan.txt", Uint8Array.of(1, 2, 3)));
    await sent.stored;
    copied.id = idBytes(sent.file.id);
    await (await bobs.sendFile(fileOf("other.txt", Uint8Array.of(6, 6, 6)))).stored;
    await (await bobs.send("end")).stored;
    for (const room of [den, carols]) {
      await until(async () => (await texts(room)).includes("end"), "all is read");
      expect(await room.readFile(sent.file.id, 0, 3)).toEqual(Uint8Array.of(1, 2, 3));
      expect((await room.files()).map(({ name }) => name)).toEqual(["plan.txt"]);
    }
  });

  it("refuses a GroupInfo of an epoch that is already past", async () => {
    await using world = new World();
    const { bob, bobPlayer, bobs, den } = await pair(world);
    await den.renewKeys();
    await until(() => bobs.status().epoch === den.status().epoch, "bob follows");
    const room = world.relay.rooms.get(den.id);
    const old = { epoch: 1n, groupInfo: room?.groupInfo ?? new Uint8Array(0) };
    await bob[Symbol.asyncDispose]();
    // The device has lost its ratchets, and the relay offers an old key.
    for (const key of bobPlayer.disk.rows.keys()) {
      if (key.startsWith("engine/")) bobPlayer.disk.rows.delete(key);
    }
    world.relay.faults.answer = (method, answer) => {
      if (method === "GetRoomEpoch") {
        const epoch = { ...relayV1.GetRoomEpochResponse.decode(answer), epoch: old.epoch };
        return relayV1.GetRoomEpochResponse.encode(epoch).finish();
      }
      return answer;
    };
    const client = await bobPlayer.open();
    // The relay itself refuses the grant of another epoch here; a relay that lies all the way:
    world.relay.rooms.set(den.id, { ...room, last: { ...room?.last, epoch: 1n } } as never);
    const error: unknown = await client.room(den.id).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({
      code: "ERR_ROOM_STOPPED",
      details: { reason: "ERR_ROOM_KEY_OLD" },
    });
  });

  it("follows a room over lost fences, however few handshakes one answer holds", async () => {
    await using world = new World();
    const { bob, bobPlayer, den } = await pair(world);
    await bob[Symbol.asyncDispose]();
    const before = world.relay.stream.length;
    for (let count = 0; count < 3; count += 1) await den.renewKeys();
    const { stream } = world.relay;
    const fences = stream.filter(
      ({ sequence, subject }) => sequence > before && subject === fenceSubject(den.id),
    );
    // All but the last are lost: of three handshakes, one fence tells.
    for (const lost of fences.slice(0, -1)) {
      stream[stream.indexOf(lost)] = { ...lost, payload: Uint8Array.of(1) };
    }
    world.relay.faults.answer = (method, answer) => {
      if (method !== "GetHandshakes") return answer;
      const stored = relayV1.GetHandshakesResponse.decode(answer);
      const handshakes = stored.handshakes.slice(0, 1);
      return relayV1.GetHandshakesResponse.encode({ ...stored, handshakes }).finish();
    };
    const bobs = await (await bobPlayer.open()).room(den.id);
    await until(() => bobs.status().epoch === den.status().epoch, "bob follows");
    await (await bobs.send("here again")).stored;
    await until(async () => (await texts(den)).includes("here again"), "it arrives");
  });

  it("reads on over what a relay had fenced before it was revoked", async () => {
    await using world = new World();
    const { alicePlayer, bob, bobPlayer, den } = await pair(world);
    await bob[Symbol.asyncDispose]();
    const before = world.relay.stream.length;
    await den.renewKeys();
    await (await den.send("sealed in the next epoch")).stored;
    const { key, natsSigningKey } = world.accounts.relay;
    await alicePlayer.state(bodies.relaySet({ key: key.publicKey, natsSigningKey, revoked: true }));
    // Bob knows of it before he reads.
    const records = world.relay.stream.splice(before);
    const client = await bobPlayer.open();
    await client.refresh();
    world.relay.stream.push(...records);
    world.relay.wake();
    const bobs = await client.room(den.id);
    await until(async () => (await texts(bobs)).length === 1, "it is opened");
    expect(bobs.status()).toMatchObject({ epoch: den.status().epoch, setAsideRecords: 0 });
  });

  it("resyncs by itself when the ratchets are lost, and loses nothing that comes after", async () => {
    await using world = new World();
    const { bob, bobPlayer, den } = await pair(world);
    await bob[Symbol.asyncDispose]();
    for (const key of bobPlayer.disk.rows.keys()) {
      if (key.startsWith("engine/")) bobPlayer.disk.rows.delete(key);
    }
    const client = await bobPlayer.open();
    const bobs = await client.room(den.id);
    await until(() => bobs.status().phase.kind === "active", "bob is back");
    await (await den.send("welcome back")).stored;
    await until(async () => (await texts(bobs)).includes("welcome back"), "it arrives");
    await (await bobs.send("thanks")).stored;
    await until(async () => (await texts(den)).includes("thanks"), "it arrives");
    expect(den.members().find(({ name }) => name === "Bob")?.joinedDevices).toHaveLength(1);
  });

  it("resyncs a cloned store before it seals", async () => {
    await using world = new World();
    const { bob, bobPlayer, bobs, den } = await pair(world);
    const clone = bobPlayer.disk.snapshot();
    await (await bobs.send("from the original")).stored;
    await bobs.caughtUp();
    await bob[Symbol.asyncDispose]();
    const epoch = den.status().epoch ?? 0n;
    const copy = await bobPlayer.open(undefined, clone);
    const copied = await copy.room(den.id);
    const sent = await copied.send("from the copy");
    await sent.stored;
    await until(async () => (await texts(den)).includes("from the copy"), "it arrives");
    expect(den.status().epoch ?? 0n).toBeGreaterThan(epoch);
  });

  it("stops at a log that goes back, and keeps both heads", async () => {
    await using world = new World();
    const { alice, alicePlayer } = await pair(world);
    await alice[Symbol.asyncDispose]();
    world.accounts.shownSize = 3;
    const error: unknown = await alicePlayer.open().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: "ERR_VERIFICATION_LOG_ROLLBACK" });
    expect(alicePlayer.disk.rows.has("log/conflict")).toBe(true);
  });

  it("stops at rooms that go back: what is new there would be skipped as read", async () => {
    await using world = new World();
    const { bob, bobPlayer, den, bobs } = await pair(world);
    await (await den.send("read, then lost")).stored;
    await until(async () => (await texts(bobs)).length === 1, "bob reads it");
    await bobs.caughtUp();
    await bob[Symbol.asyncDispose]();
    // The box is restored from yesterday.
    world.relay.stream.pop();
    await expect(bobPlayer.open()).rejects.toMatchObject({
      code: "ERR_VERIFICATION_ROOMS_ROLLBACK",
    });
  });

  it("seals nothing under a log that is shorter than one a member has shown", async () => {
    await using world = new World();
    const { alice, den, bobs } = await pair(world);
    world.relay.faults.answer = (method, answer) => {
      if (method !== "GetLog") return answer;
      const { checkpoint } = relayV1.GetLogResponse.decode(answer);
      // An older head would be noticed at once: so the newest, and none of what it is made of.
      return relayV1.GetLogResponse.encode({ checkpoint, records: [] }).finish();
    };
    await alice.org.createProject("hidden from Bob");
    await (await den.send("under the newer log")).stored;
    await until(async () => (await texts(bobs)).length === 1, "bob reads it");
    let isStored = false;
    const sent = await bobs.send("not yet");
    const stored = sent.stored.then(() => {
      isStored = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(isStored).toBe(false);
    world.relay.faults = {};
    await stored;
  });

  it("[F21] a removed member is told, cannot write, and cannot open what follows with his whole state", async () => {
    await using world = new World();
    const { alice, bob, bobPlayer, den, bobs } = await pair(world);
    await (await den.send("for both")).stored;
    await until(async () => (await texts(bobs)).length === 1, "bob reads it");
    const whole = bobPlayer.disk.snapshot();
    await alice.org.setRole({
      scope: { kind: "room", room: den.id },
      account: bob.accountId,
      role: undefined,
    });
    await (await den.send("not for Bob")).stored;
    await until(() => bobs.status().phase.kind === "removed", "bob is told");
    await expect(bobs.send("may I?")).rejects.toMatchObject({ code: "ERR_ROOM_REMOVED" });
    await bob[Symbol.asyncDispose]();
    // His whole state of before, and the very records: what he could read, and what he cannot.
    const engine = await bobPlayer.engineOf(whole);
    const group = idBytes(groupOf(world, den));
    engine.load(group);
    const records = world.relay.stream
      .filter(({ subject }) => subject.startsWith(`room.${den.id}.U`))
      .map(({ payload }) => roomsV1.RoomRecord.decode(payload).content)
      .flatMap((content) => (content?.$case === "sealed" ? [content.value] : []));
    const afterRemoval = records.at(-1) ?? new Uint8Array(0);
    expect(() => engine.open(group, afterRemoval)).toThrow(/epoch|inactive|no longer a member/);
    const commit = parseHandshake(world.relay.rooms.get(den.id)?.handshakes.at(-1) ?? afterRemoval);
    expect(engine.stage(group, commit.message.commit).removesOwnLeaf).toBe(true);
    engine.mergeStaged(group);
    expect(() => engine.open(group, afterRemoval)).toThrow(/epoch|inactive|no longer a member/);
    expect(den.members().map(({ name }) => name)).toEqual(["Alice"]);
  });

  it("[F21] who is removed while a handshake was still to be fetched is told: it is given to members only", async () => {
    await using world = new World();
    const { alice, bob, den, bobs } = await pair(world);
    world.relay.faults.answer = (method, answer) => {
      if (method === "GetHandshakes") throw new Error("members only");
      return answer;
    };
    const before = world.relay.rooms.get(den.id)?.handshakes.length ?? 0;
    den.renewKeys().catch(() => undefined);
    await until(
      () => (world.relay.rooms.get(den.id)?.handshakes.length ?? 0) > before,
      "a commit that bob cannot fetch",
    );
    await until(() => bobs.status().phase.kind === "catching-up", "bob waits for it");
    await alice.org.setRole({
      scope: { kind: "room", room: den.id },
      account: bob.accountId,
      role: undefined,
    });
    await bob.refresh().catch(() => undefined);
    await until(() => bobs.status().phase.kind === "removed", "bob is told");
    await expect(bobs.send("may I?")).rejects.toMatchObject({ code: "ERR_ROOM_REMOVED" });
  });

  it("holds every leaf of a room's key against the log before it joins", async () => {
    await using world = new World();
    const { alice, den } = await pair(world);
    const carol = await world.invite(alice, den.id, "Carol");
    const client = await carol.open();
    // The relay shows Carol another room's key.
    const { room: other } = await world.room(alice, "other");
    await alice.room(other);
    world.relay.faults.answer = (method, answer) => {
      if (method !== "GetRoomKey") return answer;
      const foreign = world.relay.rooms.get(other);
      if (foreign === undefined) throw new Error("no other room");
      const key = relayV1.GetRoomKeyResponse.decode(answer);
      const { groupInfo } = foreign;
      const ratchetTree = foreign.group.tree();
      return relayV1.GetRoomKeyResponse.encode({ ...key, groupInfo, ratchetTree }).finish();
    };
    await expect(client.room(den.id)).rejects.toMatchObject({ code: "ERR_ROOM_KEY_FOREIGN" });
  });

  it("says by how much the clock is off", async () => {
    await using world = new World();
    const player = await world.found();
    world.gateway.clockSkewMs = 600_000;
    await expect(player.open()).rejects.toMatchObject({ code: "ERR_VERIFICATION_CLOCK_SKEW" });
    const error: unknown = await player.open().catch((reason: unknown) => reason);
    expect((error as Error).message).toMatch(/clock is (599|600|601) s behind the server's/);
  });
});

function groupOf(world: World, { id }: Room): GroupId {
  const fact = roomAt(world.accounts.state, { room: id, at: world.accounts.size });
  if (fact === undefined) throw new Error("no such room");
  return fact.groupId;
}

function fileOf(name: string, bytes: Uint8Array): FileSource {
  return {
    name,
    mediaType: "text/plain",
    lengthBytes: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}

const noFile: roomsV1.FileManifest = {
  fileId: new Uint8Array(16),
  key: new Uint8Array(32),
  sha256: new Uint8Array(32),
  senderNkey: new Uint8Array(32),
  lengthBytes: 1n,
  name: "broken",
  mediaType: "",
};

/** The engine of a member who says of his epochs, and in his batches, whatever he likes. */
function liarsEngine(
  engine: MemberEngine,
  lies: { readonly isLying: () => boolean; readonly batch?: (batch: roomsV1.Batch) => void },
): MemberEngine {
  const seal: MemberEngine["seal"] = (message) => {
    const batch = roomsV1.Batch.decode(parsePadded(message.plaintext));
    lies.batch?.(batch);
    const plaintext = padBatch([roomsV1.Batch.encode(batch).finish()]);
    return engine.seal({ ...message, plaintext });
  };
  return new Proxy(engine, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name === "epochAuthenticator" && lies.isLying()) return () => new Uint8Array(32);
      if (name === "seal" && lies.isLying()) return seal;
      return value.bind(target);
    },
  });
}

/** A commit of Bob's own making with a flipped confirmation tag, signed as a whole by his device. */
async function brokenCommit(world: World, bobPlayer: Player, bobs: Room): Promise<Uint8Array> {
  const before = world.relay.rooms.get(bobs.id)?.handshakes.length ?? 0;
  let taken: Uint8Array | undefined;
  const handle = world.relay.handle.bind(world.relay);
  world.relay.handle = async (method, payload) => {
    if (method !== "AppendHandshake") return handle(method, payload);
    taken = relayV1.AppendHandshakeRequest.decode(payload).handshake;
    return new Promise(() => undefined);
  };
  bobs.renewKeys().catch(() => undefined);
  await until(() => taken !== undefined, "bob commits");
  world.relay.handle = handle;
  const { message } = parseHandshake(taken ?? new Uint8Array(0));
  // RFC 9420 §6: a PublicMessage ends with confirmation tag and membership tag.
  const commit = Uint8Array.from(message.commit);
  const tagAt = commit.length - 33 - 1;
  commit[tagAt] = (commit[tagAt] ?? 0) ^ 1;
  expect(Number(message.index)).toBe(before);
  return bobPlayer.signHandshake({ ...message, commit });
}
