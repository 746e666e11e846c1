import { join } from "node:path";
import type { RoomId } from "@cloister/base";
import { type Client, connect, setup } from "@cloister/client-core";
import { parseClaim } from "@cloister/deploy";
import type { Box } from "./box.ts";
import { createPerson, newPerson, type Person } from "./person.ts";

/** Two people in one room of one org, both offline. */
export interface RoomOfTwo {
  readonly alice: Person;
  readonly bob: Person;
  readonly room: RoomId;
}

const dayMs = 86_400_000;

/** Founds an org on a box that runs: Alice invites Bob, both are in the room and have spoken. */
export async function foundRoom(box: Box): Promise<RoomOfTwo> {
  const alice = newPerson("Alice", join(box.folder, "alice"));
  const bob = newPerson("Bob", join(box.folder, "bob"));
  await using aliceProfile = await createPerson(alice);
  const claim = parseClaim(box.claim);
  await setup.createOrg(aliceProfile.ports, {
    gatewayUrl: claim.gatewayUrl,
    caSha256: claim.caSha256,
    claimSecret: claim.secret,
    orgName: "Bench",
    personName: alice.name,
  });
  await using aliceClient = await connect(aliceProfile.ports);
  const project = await aliceClient.org.createProject("Bench");
  const room = await aliceClient.org.createRoom({ project, name: "bench" });
  await admitBob({ alice: aliceClient, bob, room });
  return { alice, bob, room };
}

interface Admission {
  readonly alice: Client;
  readonly bob: Person;
  readonly room: RoomId;
}

/** Each says a word, so that both have confirmed the epoch that the bench goes on in. */
async function admitBob({ alice, bob, room }: Admission): Promise<void> {
  const { text: invitation } = await alice.org.invite({
    grants: [
      { scope: { kind: "org" }, role: "user" },
      { scope: { kind: "room", room }, role: "user" },
    ],
    expiresInMs: dayMs,
  });
  await using profile = await createPerson(bob);
  await setup.acceptInvitation(profile.ports, { invitation, personName: bob.name });
  await using client = await connect(profile.ports);
  await (await (await client.room(room)).send("Bob is here")).stored;
  const aliceRoom = await alice.room(room);
  await aliceRoom.caughtUp();
  await (await aliceRoom.send("Alice is here")).stored;
  await (await client.room(room)).caughtUp();
}
