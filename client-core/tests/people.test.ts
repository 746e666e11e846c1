import { setup } from "@cloister/client-core";
import { statementsV1 } from "@cloister/proto";
import { describe, expect, it } from "vitest";
import { texts, until } from "./world/collect.ts";
import { World } from "./world/world.ts";

const totpPolicy: statementsV1.Policy = {
  factors: [{ factor: statementsV1.Factor.FACTOR_TOTP, maxAgeSeconds: 0 }],
  exemptRoles: [],
  deniedAccounts: [],
  sessionMaxAgeSeconds: 0,
  deviceMinAgeSeconds: 0,
};

describe("people and their devices", () => {
  it("several devices an account read the same, and each speaks with its own chain", async () => {
    await using world = new World();
    const alice = await (await world.found()).open();
    const { room } = await world.room(alice);
    const den = await alice.room(room);
    const bob = await (await world.invite(alice, room, "Bob")).open();
    const bobs = await bob.room(room);
    const second = await (await world.addDevice(bob, "Bob's second")).open();
    const seconds = await second.room(room);
    await until(() => seconds.status().phase.kind === "active", "the second device is confirmed");
    await (await den.send("one")).stored;
    await (await bobs.send("two")).stored;
    await (await seconds.send("three")).stored;
    for (const each of [den, bobs, seconds]) {
      await until(async () => (await texts(each)).length === 3, "all three arrive");
      expect(await texts(each)).toEqual(["one", "two", "three"]);
    }
    const member = den.members().find(({ name }) => name === "Bob");
    expect(member?.joinedDevices).toHaveLength(2);
  });

  it("a revoked device is removed before the next word, and opens nothing after it", async () => {
    await using world = new World();
    const alice = await (await world.found()).open();
    const { room } = await world.room(alice);
    const den = await alice.room(room);
    const bob = await (await world.invite(alice, room, "Bob")).open();
    const bobs = await bob.room(room);
    const second = await (await world.addDevice(bob, "stolen")).open();
    const stolen = await second.room(room);
    await until(() => stolen.status().phase.kind === "active", "the second device is in");
    await bob.org.revokeDevice(second.deviceId);
    await (await den.send("after the theft")).stored;
    await until(async () => (await texts(bobs)).includes("after the theft"), "bob reads it");
    expect(await texts(stolen)).not.toContain("after the theft");
    const leaves = den.members().flatMap(({ joinedDevices }) => joinedDevices);
    expect(leaves).not.toContain(second.deviceId);
    // The account key is a new one: the old device certifies nothing more.
    await expect(second.org.revokeDevice(bob.deviceId)).rejects.toThrow(/device|account key/);
  });

  it("[F15] the room's policy decides: refused with what to do, admitted after the code", async () => {
    await using world = new World();
    const alice = await (await world.found()).open();
    const { room } = await world.room(alice);
    await alice.room(room);
    await alice.org.setPolicy({ scope: { kind: "room", room }, policy: totpPolicy });
    const bob = await (await world.invite(alice, room, "Bob")).open();
    await expect(bob.room(room)).rejects.toMatchObject({
      code: "ERR_NOT_ADMITTED",
      hint: expect.stringContaining("TOTP") as string,
    });
    await expect(bob.factors.present("totp", "000000")).rejects.toThrow(/refused/);
    await bob.factors.present("totp", world.gateway.totpCode);
    await bob.refresh();
    const bobs = await bob.room(room);
    expect(bobs.status().phase.kind).toBe("awaiting-confirmation");
  });

  it("whoever has joined waits in the outbox until another account confirms, and says for whom", async () => {
    await using world = new World();
    const alicePlayer = await world.found();
    const alice = await alicePlayer.open();
    const { room } = await world.room(alice);
    await (await alice.room(room)).flushed();
    const bobPlayer = await world.invite(alice, room, "Bob");
    await alice[Symbol.asyncDispose]();
    const bob = await bobPlayer.open();
    const bobs = await bob.room(room);
    const sent = await bobs.send("is anybody there?");
    expect(bobs.messageState(sent.id)).toEqual({
      kind: "waiting",
      reason: { kind: "confirmation", accounts: [alice.accountId] },
    });
    // Nobody has said a name in the room yet: it is the invitation's.
    const known = bob.org.members().map(({ account, name }) => [account, name]);
    expect(new Map(known as [string, string | undefined][]).get(alice.accountId)).toBe("Alice");
    const back = await alicePlayer.open();
    const den = await back.room(room);
    await sent.stored;
    await until(async () => (await texts(den)).length === 1, "alice reads it");
    expect(bobs.status().name).toBe("den");
  });

  it("a room that nobody has opened yet says who must come", async () => {
    await using world = new World();
    const alice = await (await world.found()).open();
    const { room } = await world.room(alice);
    await expect(
      (await (await world.invite(alice, room, "Bob")).open()).room("room_nothing" as typeof room),
    ).rejects.toMatchObject({ code: "ERR_ID_MALFORMED" });
  });

  it("an invitation is good for one account, and its text holds no hole", async () => {
    await using world = new World();
    const alice = await (await world.found()).open();
    const { text } = await alice.org.invite({
      grants: [{ scope: { kind: "org" }, role: "user" }],
      expiresInMs: 60_000,
    });
    const bob = world.player("Bob");
    await setup.acceptInvitation(bob.ports(), { invitation: text, personName: "Bob" });
    await expect(
      setup.acceptInvitation(bob.ports(), { invitation: text, personName: "Bob" }),
    ).rejects.toMatchObject({ code: "ERR_IDENTITY_EXISTS" });
    await expect(
      setup.acceptInvitation(world.player("Eve").ports(), { invitation: text, personName: "Eve" }),
    ).rejects.toThrow(/invitation|device|org|internal/i);
    await expect(
      setup.acceptInvitation(world.player("Eve").ports(), {
        invitation: text.slice(0, -3),
        personName: "Eve",
      }),
    ).rejects.toMatchObject({ code: "ERR_INVITATION_MALFORMED" });
  });

  it("an invitation of one org opens no other that the server shows instead", async () => {
    await using world = new World();
    await using parallel = new World();
    const alice = await (await world.found()).open();
    await parallel.found("Mallory");
    const { text } = await alice.org.invite({
      grants: [{ scope: { kind: "org" }, role: "user" }],
      expiresInMs: 60_000,
    });
    const bob = parallel.player("Bob");
    await expect(
      setup.acceptInvitation(bob.ports(), { invitation: text, personName: "Bob" }),
    ).rejects.toThrow(/invitation|device|org|internal/i);
    expect(bob.disk.rows.size).toBe(0);
  });

  it("[F90] [F95] the disk holds nothing in the clear", async () => {
    await using world = new World();
    const player = await world.found("Alice-marker");
    const alice = await player.open();
    const { room } = await world.room(alice, "room-marker");
    const den = await alice.room(room);
    await (await den.send("text-marker")).stored;
    await den.flushed();
    expect(player.disk.rows.size).toBeGreaterThan(10);
    for (const [key, value] of player.disk.rows) {
      const text = `${key} ${Buffer.from(value).toString("latin1")}`;
      expect(text).not.toMatch(/marker/);
    }
    // The control: the marker is there for whoever has the key.
    expect(await texts(den)).toEqual(["text-marker"]);
  });

  it("a wrong store key opens nothing and says so", async () => {
    await using world = new World();
    const player = await world.found();
    const thief = world.player("thief");
    thief.disk = player.disk;
    await expect(thief.open()).rejects.toMatchObject({ code: "ERR_STORE_UNSEALED" });
  });

  it("works offline: what is written waits on the disk and leaves when the network is back", async () => {
    await using world = new World();
    const player = await world.found();
    const alice = await player.open();
    const { room } = await world.room(alice);
    const den = await alice.room(room);
    await den.flushed();
    world.relay.disconnectAll();
    const sent = await den.send("on the train");
    expect(den.messageState(sent.id)).toEqual({ kind: "waiting", reason: { kind: "offline" } });
    for (const connection of world.relay.connections) connection.restore();
    await sent.stored;
    expect(await texts(den)).toEqual(["on the train"]);
  });

  it("an owner's org, projects, roles and log are what the log says", async () => {
    await using world = new World();
    const alice = await (await world.found()).open();
    const { project, room } = await world.room(alice);
    const bob = await (await world.invite(alice, room, "Bob")).open();
    expect(alice.org.projects()).toEqual([{ id: project, name: "project", role: undefined }]);
    await alice.refresh();
    expect(alice.org.members().map(({ role }) => role)).toEqual(["owner", "user"]);
    expect(alice.org.log().map(({ kind }) => kind)).toEqual([
      "genesis",
      "gatewaySet",
      "relaySet",
      "projectCreated",
      "roomCreated",
      "roleSet",
      "inviteIssued",
      "inviteAccepted",
    ]);
    await expect(bob.org.createProject("mine")).rejects.toMatchObject({ kind: "Policy" });
    const decision = await alice.org.explain({ account: bob.accountId, room });
    expect(decision.rules.length).toBeGreaterThan(3);
    await alice.org.removeMember(bob.accountId);
    expect(alice.org.members().map(({ role }) => role)).toEqual(["owner"]);
  });
});
