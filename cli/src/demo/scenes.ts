import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { ProjectId, RoomId } from "@cloister/base";
import { isCloisterError } from "@cloister/base";
import { type Room, type RoomMessage, setup } from "@cloister/client-core";
import { DiskFileSink, DiskFileSource } from "@cloister/client-node";
import { parseClaim } from "@cloister/deploy";
import { roomSubject, statementsV1 } from "@cloister/proto";
import { TOTP, URI } from "otpauth";
import { formatBytes } from "../output.ts";
import type { Player } from "./cast.ts";
import type { DemoBox } from "./demo-box.ts";
import type { Marker } from "./marker.ts";
import { type SampleFile, writeSampleFile } from "./sample-file.ts";
import { formatMs, type Stage } from "./stage.ts";

/** Everything that a scene may touch. */
export interface DemoWorld {
  readonly stage: Stage;
  readonly folder: string;
  readonly sourceFolder: string;
  readonly box: DemoBox;
  readonly secret: Marker;
  readonly control: Marker;
  readonly alice: Player;
  readonly bob: Player;
  readonly mallory: Player;
}

export interface DemoRooms {
  readonly project: ProjectId;
  readonly sources: RoomId;
  readonly lobby: RoomId;
}

const FILE_BYTES = 20 * 1024 * 1024;
const MESSAGES_TO_BOB = 20;
const day = 86_400_000;

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

/** An invitation goes from one to the other by hand: no server sees its secret. */
async function accept(player: Player, inviter: Player, room: RoomId): Promise<void> {
  const { text } = await inviter.client.org.invite({
    grants: [
      { scope: { kind: "org" }, role: "user" },
      { scope: { kind: "room", room }, role: "user" },
    ],
    expiresInMs: day,
  });
  const ports = await player.createProfile();
  await setup.acceptInvitation(ports, { invitation: text, personName: player.name });
  await player.goOnline();
}

export async function writeToBobOffline(
  world: DemoWorld,
  { sources }: DemoRooms,
): Promise<SampleFile> {
  const { stage, alice, bob, secret } = world;
  stage.scene("Alice writes while Bob is offline");
  await stage.step("Bob closes his client", () => bob.goOffline());
  const room = await alice.client.room(sources);
  await stage.step(
    `Alice sends ${MESSAGES_TO_BOB} messages, each stored on the box's disk before it counts`,
    async () => {
      const texts = Array.from({ length: MESSAGES_TO_BOB }, (_, n) => `${n}: ${secret.text}`);
      const sent = await room.sendMany(texts);
      await Promise.all(sent.map(({ stored }) => stored));
    },
  );
  const sample = await stage.step(
    "a real file: sources of the dependencies, a marker in every 4 KiB",
    () =>
      writeSampleFile({
        sourceFolder: world.sourceFolder,
        path: join(world.folder, "sources.txt"),
        minBytes: FILE_BYTES,
        marker: secret,
      }),
    ({ lengthBytes, markers }) => `${formatBytes(lengthBytes)}, ${markers} markers`,
  );
  const startedMs = performance.now();
  await stage.step(
    "Alice sends it",
    async () => {
      await using source = await DiskFileSource.open(sample.path);
      await (await room.sendFile(source)).stored;
    },
    () => rate(sample, startedMs),
  );
  return sample;
}

export async function bobReturns(
  world: DemoWorld,
  { sources }: DemoRooms,
  sample: SampleFile,
): Promise<void> {
  const { stage, bob, secret } = world;
  stage.scene("Bob comes back");
  await stage.step("Bob opens his client and catches up", async () => {
    await bob.goOnline();
    await (await bob.client.room(sources)).caughtUp();
  });
  const room = await bob.client.room(sources);
  const messages = await stage.step(
    "each message is there once, in order",
    async () => {
      const read: RoomMessage[] = [];
      for await (const message of room.messages({ live: false })) read.push(message);
      const texts = read.map(textOf).filter((text) => text?.includes(secret.text));
      const expected = Array.from({ length: MESSAGES_TO_BOB }, (_, n) => `${n}: ${secret.text}`);
      if (JSON.stringify(texts) !== JSON.stringify(expected)) {
        throw new Error(`Bob read ${texts.length} of ${expected.length} messages, or out of order`);
      }
      return texts.length;
    },
    (count) => `${count} of ${MESSAGES_TO_BOB}`,
  );
  if (messages === 0) throw new Error("Bob read nothing");
  const startedMs = performance.now();
  await stage.step(
    "Bob gets the file; hashes equal",
    async () => {
      const [file] = await room.files();
      if (file === undefined) throw new Error("Bob sees no file");
      const path = join(world.folder, "got.txt");
      await using sink = await DiskFileSink.open(path, file.id);
      await room.getFile(file.id, sink);
      const hash = await sha256Of(path);
      if (hash !== sample.sha256) throw new Error("the file differs from what Alice sent");
      return hash;
    },
    (hash) => `${hash.slice(0, 16)}…, ${rate(sample, startedMs)}`,
  );
}

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

export function textOf({ body }: RoomMessage): string | undefined {
  return body.kind === "text" ? body.text : undefined;
}

async function firstMessage(room: Room): Promise<RoomMessage> {
  for await (const message of room.messages({ signal: AbortSignal.timeout(20_000) }))
    return message;
  throw new Error("no message came");
}

/** The code of the refusal; throws where nothing was refused. */
async function refusalOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (isCloisterError(error) && ["Policy", "Verification", "Usage"].includes(error.kind)) {
      return error.hint === undefined ? error.message : `${error.message}: ${error.hint}`;
    }
    throw error;
  }
  throw new Error("this should have been refused, and was not");
}

function rate(sample: SampleFile, startedMs: number): string {
  const ms = performance.now() - startedMs;
  return `${formatBytes(sample.lengthBytes)} in ${formatMs(ms)}, ${formatBytes(Math.round((sample.lengthBytes * 1000) / ms))}/s`;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
