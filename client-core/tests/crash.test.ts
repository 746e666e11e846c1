import type { RoomId } from "@cloister/base";
import { describe, expect, it } from "vitest";
import { texts, until } from "./world/collect.ts";
import { Gate } from "./world/gate.ts";
import { type Player, World } from "./world/world.ts";

/** A room of two, both in and confirmed, both closed. */
async function settled(world: World): Promise<{ alice: Player; bob: Player; room: RoomId }> {
  const alice = await world.found();
  const owner = await alice.open();
  const { room } = await world.room(owner);
  const bob = await world.invite(owner, room, "Bob");
  const guest = await bob.open();
  const den = await guest.room(room);
  await until(() => den.status().phase.kind === "active", "bob is confirmed");
  await den.flushed();
  await (await owner.room(room)).flushed();
  await owner[Symbol.asyncDispose]();
  await guest[Symbol.asyncDispose]();
  return { alice, bob, room };
}

/** Opens, does something, and is killed at one boundary; then opens again and finishes. */
async function killedAt(
  player: Player,
  gate: Gate,
  play: (client: Awaited<ReturnType<Player["open"]>>) => Promise<void>,
): Promise<boolean> {
  const run = (async () => {
    const client = await player.open(gate);
    player.world.clients.delete(client);
    await play(client);
  })();
  run.catch(() => undefined);
  const ended = await Promise.race([run.then(() => "done"), gate.died.then(() => "died")]);
  const crossed = gate.isDead;
  gate.kill();
  return ended === "died" || crossed;
}

const boundaries = Array.from({ length: 40 }, (_, index) => index + 1);

describe("killed between any two effects", () => {
  for (const when of ["before", "after"] as const) {
    it(`of sending, ${when} it: everything accepted arrives once`, async () => {
      await using world = new World();
      const { alice, bob, room } = await settled(world);
      const accepted: string[] = [];
      let round = 0;
      for (const at of boundaries) {
        round += 1;
        const text = `message ${round}`;
        const gate = new Gate(at, when);
        const wasKilled = await killedAt(alice, gate, async (client) => {
          const den = await client.room(room);
          await den.send(text);
          accepted.push(text);
          await den.flushed();
        });
        if (!wasKilled) break;
      }
      expect(round).toBeGreaterThan(8);
      const owner = await alice.open();
      const den = await owner.room(room);
      await den.flushed();
      const guest = await bob.open();
      const read = await texts(await guest.room(room));
      expect(read.filter((text) => accepted.includes(text))).toEqual(accepted);
      expect(new Set(read).size).toBe(read.length);
      expect(await texts(den)).toEqual(read);
      expect((await guest.room(room)).status().setAsideRecords).toBe(0);
    });

    it(`of confirming a newcomer, ${when} it: the next opening confirms him`, async () => {
      await using world = new World();
      const { alice, room } = await settled(world);
      let round = 0;
      for (const at of boundaries) {
        round += 1;
        const inviting = await alice.open();
        const player = await world.invite(inviting, room, `Guest ${round}`);
        await (await inviting.room(room)).flushed();
        await inviting[Symbol.asyncDispose]();
        const guest = await player.open();
        const guests = await guest.room(room);
        expect(guests.status().phase.kind).toBe("awaiting-confirmation");
        const wasKilled = await killedAt(alice, new Gate(at, when), async (client) => {
          const den = await client.room(room);
          await den.caughtUp();
          await den.flushed();
        });
        const back = await alice.open();
        const den = await back.room(room);
        await den.caughtUp();
        await den.flushed();
        await back[Symbol.asyncDispose]();
        await until(() => guests.status().phase.kind === "active", "the guest is confirmed");
        await guests.flushed();
        await guest[Symbol.asyncDispose]();
        if (!wasKilled) break;
      }
      expect(round).toBeGreaterThan(5);
    });

    it(`of receiving, ${when} it: everything is shown once`, async () => {
      await using world = new World();
      const { alice, bob, room } = await settled(world);
      const owner = await alice.open();
      const den = await owner.room(room);
      const sent: string[] = [];
      for (const at of boundaries) {
        const text = `message ${at}`;
        sent.push(text);
        await (await den.send(text)).stored;
        // A fence in between: handshakes are merged under the same knife.
        if (at % 3 === 0) await den.renewKeys();
        const wasKilled = await killedAt(bob, new Gate(at, when), async (client) => {
          await (await client.room(room)).caughtUp();
        });
        if (!wasKilled) break;
      }
      expect(sent.length).toBeGreaterThan(5);
      const guest = await bob.open();
      const room2 = await guest.room(room);
      expect(await texts(room2)).toEqual(sent);
      expect(room2.status()).toMatchObject({ setAsideRecords: 0, phase: { kind: "active" } });
    });
  }
});
