import { type Room, type RoomMessage, setup } from "@cloister/client-core";
import { parseClaim } from "@cloister/deploy";
import { statementsV1 } from "@cloister/proto";
import { TOTP, URI } from "otpauth";
import { accept, type DemoRooms, type DemoWorld, refusalOf, textOf } from "../world.ts";

export async function foundOrg(world: DemoWorld): Promise<DemoRooms> {
  const { stage, alice, box } = world;
  stage.scene("An org, a project, a room");
  await stage.step("Alice founds Acme with the claim code of the box", async () => {
    const claim = parseClaim(box.claim);
    await setup.createOrg(await alice.createProfile(), {
      gatewayUrl: claim.gatewayUrl,
      caSha256: claim.caSha256,
      claimSecret: claim.secret,
      orgName: "Acme",
      personName: "Alice",
    });
    await alice.goOnline();
  });
  const { org } = alice.client;
  const project = await stage.step("project Newsdesk", () => org.createProject("Newsdesk"));
  const rooms = await stage.step("rooms sources and lobby, Alice in both", async () => ({
    project,
    sources: await org.createRoom({ project, name: "sources" }),
    lobby: await org.createRoom({ project, name: "lobby" }),
  }));
  await stage.step("policy of sources: who is no owner presents a TOTP code", async () => {
    const policy: statementsV1.Policy = {
      factors: [{ factor: statementsV1.Factor.FACTOR_TOTP, maxAgeSeconds: 0 }],
      exemptRoles: [statementsV1.Role.ROLE_OWNER],
      deniedAccounts: [],
      sessionMaxAgeSeconds: 0,
      deviceMinAgeSeconds: 0,
    };
    await org.setPolicy({ scope: { kind: "room", room: rooms.sources }, policy });
  });
  return rooms;
}

export async function inviteBob(world: DemoWorld, { sources }: DemoRooms): Promise<void> {
  const { stage, alice, bob } = world;
  stage.scene("Bob is invited, refused, and let in");
  await stage.step("Alice invites Bob; he registers with his own keys", async () => {
    await accept(bob, alice, sources);
  });
  await stage.step(
    "Bob tries to join sources without a code",
    () => refusalOf(() => bob.client.room(sources)),
    (text) => `refused (${text})`,
  );
  await stage.step("Bob adds TOTP and presents his code", async () => {
    const { provisioning } = await bob.client.factors.enrol("totp");
    const totp = URI.parse(provisioning);
    if (!(totp instanceof TOTP)) throw new Error("no TOTP was provisioned");
    await bob.client.factors.present("totp", totp.generate());
    await bob.client.refresh();
  });
  await stage.step(
    "Bob joins; Alice's device confirms that both are in the same epoch",
    async () => {
      const room = await bob.client.room(sources);
      await (await room.send("Hello from Bob")).stored;
      const first = await firstMessage(await alice.client.room(sources));
      if (textOf(first) !== "Hello from Bob") throw new Error("Alice read something else");
    },
  );
}

async function firstMessage(room: Room): Promise<RoomMessage> {
  for await (const message of room.messages({ signal: AbortSignal.timeout(20_000) }))
    return message;
  throw new Error("no message came");
}
