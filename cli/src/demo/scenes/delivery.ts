import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { RoomMessage } from "@cloister/client-core";
import { DiskFileSink, DiskFileSource } from "@cloister/client-node";
import { formatBytes } from "../../output.ts";
import { type SampleFile, writeSampleFile } from "../sample-file.ts";
import { formatMs } from "../stage.ts";
import { type DemoRooms, type DemoWorld, textOf } from "../world.ts";

const FILE_BYTES = 20 * 1024 * 1024;
const MESSAGES_TO_BOB = 20;

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
    "Alice makes a file of the dependencies' sources, with a marker in every 4 KiB",
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

function rate(sample: SampleFile, startedMs: number): string {
  const ms = performance.now() - startedMs;
  return `${formatBytes(sample.lengthBytes)} in ${formatMs(ms)}, ${formatBytes(Math.round((sample.lengthBytes * 1000) / ms))}/s`;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
