import { describe, expect, it } from "vitest";
import { texts, until } from "./world/collect.ts";
import { World } from "./world/world.ts";

describe("a room's life", () => {
  it("[F45] carries what was written while the other was away", async () => {
    await using world = new World();
    const alice = await (await world.found()).open();
    const { room } = await world.room(alice);
    const den = await alice.room(room);
    const player = await world.invite(alice, room, "Bob");
    const bob = await player.open();
    const bobs = await bob.room(room);
    await until(() => bobs.status().phase.kind === "active", "bob is confirmed");
    await bob[Symbol.asyncDispose]();
    const sent = await den.send("while you were out");
    await sent.stored;
    const back = await player.open();
    const again = await back.room(room);
    expect(await texts(again)).toEqual(["while you were out"]);
    await (await again.send("read it")).stored;
    await until(async () => (await texts(den)).length === 2, "alice reads bob");
    expect(await texts(den)).toEqual(["while you were out", "read it"]);
    expect(den.members().map(({ name }) => name)).toEqual(["Alice", "Bob"]);
  });
});
