import { readOutStreams, serverHome } from "@cloister/deploy";
import type { MemberEngine } from "@cloister/group-engine/types";
import { roomSubject, roomsV1 } from "@cloister/proto";
import type { DemoRooms, DemoWorld } from "../world.ts";

/** Bob is removed while he is offline: what was sealed before is still his, what comes after is not. */
export async function removeBob(world: DemoWorld, { sources }: DemoRooms): Promise<void> {
  const { stage, alice, bob, secret } = world;
  stage.scene("Bob is removed");
  const account = bob.client.accountId;
  await stage.step("Bob closes his client; Alice writes once more", async () => {
    await bob.goOffline();
    const room = await alice.client.room(sources);
    await (await room.send(`before the removal: ${secret.text}`)).stored;
  });
  await stage.step("Alice takes Bob's roles away", () => alice.client.org.removeMember(account));
  await stage.step(
    "Alice writes on: her device first commits Bob's leaf out of the group",
    async () => {
      const room = await alice.client.room(sources);
      await (await room.send(`after the removal: ${secret.text}`)).stored;
    },
  );
}

/** With Bob's whole disk and passphrase, and every record of the box: only the first one opens. */
export async function bobsStateOpensNothing(
  world: DemoWorld,
  { sources }: DemoRooms,
): Promise<void> {
  const { stage, alice, bob } = world;
  await stage.step(
    "with Bob's whole state: what was sealed before opens, what came after does not",
    async () => {
      const records = await recordsOf(world.box.folder, roomSubject(sources, alice.nkey));
      const engine = await bob.openEngine();
      try {
        const outcomes = records.slice(-2).map((record) => opens(engine, record));
        if (outcomes.join() !== "true,false") {
          throw new Error(`before: ${outcomes[0]}, after: ${outcomes[1]}; expected true, false`);
        }
      } finally {
        await bob.goOffline();
      }
    },
  );
}

async function recordsOf(folder: string, subject: string): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  await readOutStreams(serverHome(folder), (message) => {
    if (message.stream === "ROOMS" && message.subject === subject) records.push(message.payload);
  });
  return records;
}

function opens(engine: MemberEngine, payload: Uint8Array): boolean {
  const { content } = roomsV1.RoomRecord.decode(payload);
  if (content?.$case !== "sealed") throw new Error("this record is not sealed");
  return engine.groups().some((group) => {
    try {
      engine.open(group, content.value);
      return true;
    } catch {
      return false;
    }
  });
}
