import { createHash, randomBytes } from "node:crypto";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DeviceId, RoomId } from "@cloister/base";
import type { RoomNotice } from "@cloister/client-core";
import { DiskFileSink, DiskFileSource } from "@cloister/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SystemBox } from "../src/system-box.ts";
import { SystemDevice } from "../src/system-device.ts";
import { meet, SystemOrg } from "../src/system-org.ts";
import { inTime, shownIn, textsOf, until } from "../src/system-shown.ts";

const FILE_BYTES = 12 * 1024 * 1024;

let box: SystemBox;
let org: SystemOrg;
let room: RoomId;

beforeAll(async () => {
  box = await SystemBox.start();
  org = await SystemOrg.found(box);
  room = await org.createRoom("stores");
});

afterAll(async () => {
  await org?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

async function say(device: SystemDevice, text: string): Promise<void> {
  const { stored } = await (await device.client.room(room)).send(text);
  await inTime(`"${text}" is stored`, stored, { standing: () => device.standing() });
}

async function everyTextOnce(texts: readonly string[]): Promise<void> {
  const shown = async () => textsOf(await shownIn(org.owner.client, room));
  const last = texts.at(-1) ?? "";
  await until(`Alice reads "${last}"`, async () => (await shown()).includes(last));
  expect((await shown()).filter((text) => texts.includes(text))).toEqual(texts);
}

/** A disk cloned while nothing runs: same keys, same passphrase, same counters. */
async function cloneOf(device: SystemDevice, name: string): Promise<SystemDevice> {
  const folder = join(box.folder, name);
  await cp(device.place.folder, folder, { recursive: true });
  const clone = new SystemDevice({ ...device.place, name, folder });
  org.keep(clone);
  return clone;
}

function noticesOf(device: SystemDevice): RoomNotice[] {
  const notices: RoomNotice[] = [];
  void (async () => {
    for await (const event of device.client.events()) {
      if (event.kind === "notice") notices.push(event.notice);
    }
  })();
  return notices;
}

/** The others are told of the second history by the name of its device, and of nothing else. */
function expectNamed(notices: readonly RoomNotice[], device: DeviceId): void {
  const broken = notices.filter(({ kind }) => kind === "fork" || kind === "gap");
  expect(broken.map((notice) => ("device" in notice ? notice.device : undefined))).toEqual(
    broken.map(() => device),
  );
  expect(broken.length).toBeGreaterThan(0);
}

function epochOf(device: SystemDevice): bigint {
  return device.client.rooms().find(({ id }) => id === room)?.epoch ?? 0n;
}

describe("a store that went back", () => {
  test("a cloned one that both sides use is noticed, and resyncs before it seals: no nonce twice, nothing lost, nothing twice", async () => {
    const bob = await org.invite("Bob", [room]);
    await meet(room, [org.owner, bob]);
    const watched = noticesOf(org.owner);
    await bob.close();
    const clone = await cloneOf(bob, "Bob's clone");
    await bob.open();
    await say(bob, "first 1");
    await say(bob, "first 2");
    await bob.close();
    await clone.open();
    await say(clone, "clone 1");
    await clone.close();
    await bob.open();
    await say(bob, "first 3");
    await everyTextOnce(["first 1", "first 2", "clone 1", "first 3"]);
    expectNamed(watched, bob.client.deviceId);
    await bob.close();
  });

  test("an old snapshot that is restored is noticed, and resyncs before it seals", async () => {
    const carol = await org.invite("Carol", [room]);
    await meet(room, [org.owner, carol]);
    await carol.close();
    const snapshot = await cloneOf(carol, "Carol's snapshot");
    await carol.open();
    for (const count of [1, 2, 3]) await say(carol, `before ${count}`);
    await (await carol.client.room(room)).renewKeys();
    await say(carol, "in a new epoch");
    await carol.close();
    const watched = noticesOf(org.owner);
    await snapshot.open();
    const epochBefore = epochOf(org.owner);
    await say(snapshot, "after the restore");
    const all = ["before 1", "before 2", "before 3", "in a new epoch", "after the restore"];
    await everyTextOnce(all);
    expectNamed(watched, snapshot.client.deviceId);
    await until("the resync is a commit", () => epochOf(org.owner) > epochBefore);
    await snapshot.close();
  });

  test("the same store is not opened twice at once", async () => {
    const dora = await org.invite("Dora", [room]);
    const second = new SystemDevice(dora.place);
    await expect(second.open()).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
    await dora.close();
  });

  test("the wrong passphrase opens nothing", async () => {
    const erin = await org.invite("Erin", [room]);
    await erin.close();
    const thief = new SystemDevice({ ...erin.place, passphrase: "not the passphrase at all" });
    await expect(thief.open()).rejects.toMatchObject({ code: "ERR_STORE_UNLOCK" });
  });
});

describe("a file", () => {
  test("[F48] whose upload was broken off and whose bytes changed goes under a new key, and comes out as it is now", async () => {
    const finn = await org.invite("Finn", [room]);
    await meet(room, [org.owner, finn]);
    const path = join(box.folder, "changing.bin");
    const bytes = randomBytes(FILE_BYTES);
    await writeFile(path, bytes);
    const opened = await finn.client.room(room);
    const stop = new AbortController();
    {
      await using source = await DiskFileSource.open(path);
      const broken = opened.sendFile(source, {
        signal: stop.signal,
        onProgress: ({ doneBytes }) => {
          if (doneBytes > FILE_BYTES / 2) stop.abort();
        },
      });
      await expect(broken).rejects.toMatchObject({ code: "ERR_ABORTED" });
    }
    bytes[10] = (bytes[10] ?? 0) ^ 1;
    await writeFile(path, bytes);
    await using source = await DiskFileSource.open(path);
    let resumedBytes = -1;
    const sent = await opened.sendFile(source, {
      onProgress: (progress) => {
        resumedBytes = progress.resumedBytes;
      },
    });
    await sent.stored;
    expect(resumedBytes).toBe(0);
    await expectFile(sent.file.id, bytes);
  });

  test("[F48] whose upload was broken off by the end of its process goes on where it was", async () => {
    const gina = await org.invite("Gina", [room]);
    await meet(room, [org.owner, gina]);
    const path = join(box.folder, "resumed.bin");
    const bytes = randomBytes(FILE_BYTES);
    await writeFile(path, bytes);
    await using source = await DiskFileSource.open(path);
    const stop = new AbortController();
    const broken = (await gina.client.room(room)).sendFile(source, {
      signal: stop.signal,
      onProgress: ({ doneBytes }) => {
        if (doneBytes > FILE_BYTES / 2) stop.abort();
      },
    });
    await expect(broken).rejects.toMatchObject({ code: "ERR_ABORTED" });
    await gina.close();
    await gina.open();
    let resumedBytes = 0;
    const sent = await (await gina.client.room(room)).sendFile(source, {
      onProgress: (progress) => {
        resumedBytes = progress.resumedBytes;
      },
    });
    await sent.stored;
    expect(resumedBytes).toBeGreaterThan(0);
    await expectFile(sent.file.id, bytes);
  });

  async function expectFile(id: Parameters<typeof DiskFileSink.open>[1], bytes: Uint8Array) {
    const opened = await org.owner.client.room(room);
    await until("the manifest", async () => (await opened.files()).some((file) => file.id === id));
    const [info] = (await opened.files()).filter((file) => file.id === id);
    if (info === undefined) throw new Error("no manifest");
    const target = join(box.folder, `${id}.got`);
    await using sink = await DiskFileSink.open(target, id);
    await opened.getFile(info.id, sink);
    const hash = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
    expect(hash(await readFile(target))).toBe(hash(bytes));
  }
});
