import { roomSubject } from "@cloister/proto";
import { accept, type DemoRooms, type DemoWorld, refusalOf } from "../world.ts";

export async function malloryTries(world: DemoWorld, { sources, lobby }: DemoRooms): Promise<void> {
  const { stage, alice, bob, mallory } = world;
  stage.scene("Mallory is in the org, knows the room's id, and has no role in it");
  await stage.step("Mallory joins the lobby", async () => {
    await accept(mallory, alice, lobby);
    await mallory.client.room(lobby);
  });
  await stage.step(
    "Mallory asks the gateway for sources",
    async () => {
      const { accountId: account, org } = mallory.client;
      const { allowed, rules } = await org.explain({ account, room: sources });
      if (allowed) throw new Error("the gateway would let her in");
      return rules
        .flatMap(({ passed, source, text }) => (passed ? [] : [`${source}: ${text}`]))
        .join("; ");
    },
    (text) => `refused (${text})`,
  );
  await stage.step(
    "Mallory's own client will not join either",
    () => refusalOf(() => mallory.client.room(sources)),
    (text) => `refused (${text})`,
  );
  await stage.step(
    "Mallory publishes into sources past her client",
    async () => {
      const subject = roomSubject(sources, mallory.nkey);
      return await refusalOf(() =>
        mallory.connection.request({ subject, payload: Buffer.from("x"), timeoutMs: 3_000 }),
      );
    },
    (text) => `refused by NATS (${text})`,
  );
  await stage.step(
    "Mallory publishes as Bob",
    async () => {
      const subject = roomSubject(sources, bob.nkey);
      return await refusalOf(() =>
        mallory.connection.request({ subject, payload: Buffer.from("x"), timeoutMs: 3_000 }),
      );
    },
    (text) => `refused by NATS (${text})`,
  );
}

/** A member writes into his own room without any of our client: what that looks like from outside. */
export async function publishControl(world: DemoWorld, { sources }: DemoRooms): Promise<void> {
  const { stage, bob, control } = world;
  await stage.step("control: Bob publishes a marker in the clear with a raw client", async () => {
    const subject = roomSubject(sources, bob.nkey);
    const payload = Buffer.from(`in the clear: ${control.text}`);
    await bob.connection.request({ subject, payload, timeoutMs: 5_000 });
  });
}
