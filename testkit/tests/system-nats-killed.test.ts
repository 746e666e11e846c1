import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RoomId } from "@cloister/base";
import { DiskFileSink, DiskFileSource } from "@cloister/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SystemBox } from "../src/system-box.ts";
import type { SystemDevice } from "../src/system-device.ts";
import { meet, SystemOrg } from "../src/system-org.ts";
import { SeededRandom } from "../src/system-random.ts";
import { inTime, Reader, until } from "../src/system-shown.ts";

const KILLS = 3;
const BATCH = 40;
const FILE_BYTES = 24 * 1024 * 1024;

let box: SystemBox;
let org: SystemOrg;
let bob: SystemDevice;
let room: RoomId;

beforeAll(async () => {
  box = await SystemBox.start();
  org = await SystemOrg.found(box);
  room = await org.createRoom("under fire");
  bob = await org.invite("Bob", [room]);
  await meet(room, [org.owner, bob]);
});

afterAll(async () => {
  await org?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

function standing(): string {
  return [org.owner, bob].map((device) => device.standing()).join("\n");
}

async function killNatsAfter(delayMs: number): Promise<void> {
  await delay(delayMs);
  const { natsPid } = box;
  if (natsPid === undefined) throw new Error("nats-server does not run");
  box.killNats();
  await box.natsIsBack(natsPid);
}

describe("nats-server killed with -9", () => {
  test("[F45] [F46] in the middle of batches of two senders: nothing acknowledged is lost, nothing is shown twice, each sender's order stays", {
    timeout: 90_000,
  }, async () => {
    const random = new SeededRandom(7);
    const readers = [org.owner, bob].map((device) => Reader.follow(device.client, room));
    const stored: Promise<unknown>[] = [];
    let isEnding = false;
    const write = async (device: SystemDevice): Promise<number> => {
      const opened = await device.client.room(room);
      let count = 0;
      while (!isEnding) {
        const texts = Array.from({ length: BATCH }, (_, n) => `${device.name} ${count + n}`);
        stored.push(...(await opened.sendMany(texts)).map((sent) => sent.stored));
        count += BATCH;
        await delay(5);
      }
      return count;
    };
    const writers = [org.owner, bob].map(write);
    for (let kill = 0; kill < KILLS; kill += 1) await killNatsAfter(200 + random.below(800));
    isEnding = true;
    const counts = await inTime("the writers end", Promise.all(writers), { standing });
    await inTime("all is stored", Promise.all(stored), { standing });
    for (const reader of readers) {
      for (const [index, device] of [org.owner, bob].entries()) {
        const count = counts[index] ?? 0;
        const own = () =>
          reader.texts.filter((text) => /^\w+ \d+$/.test(text) && text.startsWith(device.name));
        await until(`all of ${device.name}'s messages`, () => own().length >= count);
        expect(own()).toEqual(Array.from({ length: count }, (_, n) => `${device.name} ${n}`));
      }
      await reader.stop();
    }
    console.log(`${counts.join(" and ")} messages acknowledged over ${KILLS} kills`);
  });

  test("[F48] in the middle of a file, going up and coming down: it goes on at the segment and its hash is right", {
    timeout: 90_000,
  }, async () => {
    const bytes = randomBytes(FILE_BYTES);
    const path = join(box.folder, "up.bin");
    await writeFile(path, bytes);
    await using source = await DiskFileSource.open(path);
    const isHalfUp = Promise.withResolvers<void>();
    const sending = (await org.owner.client.room(room)).sendFile(source, {
      onProgress: ({ doneBytes }) => {
        if (doneBytes > FILE_BYTES / 3) isHalfUp.resolve();
      },
    });
    await inTime("half is up", Promise.race([isHalfUp.promise, sending]), { standing });
    await killNatsAfter(0);
    const sent = await inTime("all is up", sending, { standing });
    await inTime("the manifest is stored", sent.stored, { standing });

    const opened = await bob.client.room(room);
    await until("the file's manifest", async () =>
      (await opened.files()).some(({ id }) => id === sent.file.id),
    );
    const target = join(box.folder, "down.bin");
    await using sink = await DiskFileSink.open(target, sent.file.id);
    const isHalfDown = Promise.withResolvers<void>();
    const getting = opened.getFile(sent.file.id, sink, {
      onProgress: ({ doneBytes }) => {
        if (doneBytes > FILE_BYTES / 3) isHalfDown.resolve();
      },
    });
    await inTime("half is down", Promise.race([isHalfDown.promise, getting]), { standing });
    await killNatsAfter(0);
    await inTime("all is down", getting, { standing });
    const hash = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
    expect(hash(await readFile(target))).toBe(hash(bytes));
  });
});
