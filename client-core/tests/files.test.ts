import { createHash, randomBytes } from "node:crypto";
import type { Client, FileSink, FileSource, Room } from "@cloister/client-core";
import { describe, expect, it } from "vitest";
import { until } from "./world/collect.ts";
import { Gate } from "./world/gate.ts";
import { type Player, World } from "./world/world.ts";

function sourceOf(bytes: Uint8Array, name = "a file.bin"): FileSource {
  return {
    name,
    mediaType: "application/octet-stream",
    lengthBytes: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}

class MemorySink implements FileSink {
  bytes: Uint8Array;
  resumeBytes: number;
  state: "open" | "finished" | "discarded" = "open";

  constructor(lengthBytes: number, kept = new Uint8Array(0)) {
    this.bytes = new Uint8Array(lengthBytes);
    this.bytes.set(kept);
    this.resumeBytes = kept.length;
  }

  read(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, offset);
  }

  finish(): void {
    this.state = "finished";
  }

  discard(): void {
    this.state = "discarded";
  }
}

interface Rooms {
  readonly alice: Player;
  readonly owner: Client;
  readonly den: Room;
  readonly bobs: Room;
}

async function rooms(world: World): Promise<Rooms> {
  const alice = await world.found();
  const owner = await alice.open();
  const { room } = await world.room(owner);
  const den = await owner.room(room);
  const bob = await (await world.invite(owner, room, "Bob")).open();
  const bobs = await bob.room(room);
  await until(() => bobs.status().phase.kind === "active", "bob is confirmed");
  return { alice, owner, den, bobs };
}

async function arrive(room: Room, count = 1): Promise<void> {
  await until(async () => (await room.files()).length >= count, "the file is told of");
}

describe("files", () => {
  it("[F47] go in chunks of at most 512,000 bytes, 21 for 10 MiB, and come out as they were", async () => {
    await using world = new World();
    const { den, bobs } = await rooms(world);
    const bytes = randomBytes(10 * 1024 * 1024);
    const progress: number[] = [];
    const { file } = await den.sendFile(sourceOf(bytes), {
      onProgress: ({ doneBytes }) => progress.push(doneBytes),
    });
    expect(world.relay.files.size).toBe(21);
    expect(Math.max(...[...world.relay.files.values()].map(({ length }) => length))).toBeLessThan(
      512_000,
    );
    expect(progress.at(-1)).toBe(bytes.length);
    await arrive(bobs);
    const sink = new MemorySink(bytes.length);
    const info = await bobs.getFile(file.id, sink);
    expect(sink.state).toBe("finished");
    expect(Buffer.from(info.sha256)).toEqual(createHash("sha256").update(bytes).digest());
    expect(Buffer.from(sink.bytes).equals(bytes)).toBe(true);
    for (const [offset, length] of [
      [0, 10],
      [16_384 * 31 - 5, 10],
      [9_000_000, 1_000_000],
    ] as const) {
      const part = await bobs.readFile(file.id, offset, length);
      expect(Buffer.from(part).equals(bytes.subarray(offset, offset + length))).toBe(true);
    }
  });

  it.each([0, 1, 16_383, 16_384, 31 * 16_384 - 1, 31 * 16_384, 31 * 16_384 + 1])(
    "[F47] of %i bytes come out as they were",
    async (length) => {
      await using world = new World();
      const owner = await (await world.found()).open();
      const { room } = await world.room(owner);
      const den = await owner.room(room);
      const bytes = randomBytes(length);
      const { file } = await den.sendFile(sourceOf(bytes));
      const sink = new MemorySink(length);
      await den.getFile(file.id, sink);
      expect(Buffer.from(sink.bytes).equals(bytes)).toBe(true);
    },
  );

  it("[F48] an upload that was killed goes on where it was", async () => {
    await using world = new World();
    const { alice, owner, den, bobs } = await rooms(world);
    await owner[Symbol.asyncDispose]();
    const bytes = randomBytes(20 * 1024 * 1024);
    const gate = new Gate(45);
    const client = await alice.open(gate);
    world.clients.delete(client);
    const room = await client.room(den.id);
    room.sendFile(sourceOf(bytes)).catch(() => undefined);
    await gate.died;
    const before = world.relay.files.size;
    expect(before).toBeGreaterThan(5);
    const again = await (await alice.open()).room(den.id);
    let resumed = 0;
    const { file } = await again.sendFile(sourceOf(bytes), {
      onProgress: ({ resumedBytes }) => {
        resumed = resumedBytes;
      },
    });
    expect(resumed).toBeGreaterThan(0);
    expect(new Set([...world.relay.files.keys()].map((key) => key.split(".")[3])).size).toBe(1);
    await arrive(bobs);
    const sink = new MemorySink(bytes.length);
    await bobs.getFile(file.id, sink);
    expect(Buffer.from(sink.bytes).equals(bytes)).toBe(true);
  });

  it("a changed source takes a new id and key: no nonce is used twice", async () => {
    await using world = new World();
    const { alice, owner, den, bobs } = await rooms(world);
    await owner[Symbol.asyncDispose]();
    const bytes = randomBytes(12 * 1024 * 1024);
    const gate = new Gate(35);
    const client = await alice.open(gate);
    world.clients.delete(client);
    const room = await client.room(den.id);
    room.sendFile(sourceOf(bytes)).catch(() => undefined);
    await gate.died;
    const changed = Uint8Array.from(bytes);
    changed[100] = (changed[100] ?? 0) ^ 1;
    const again = await (await alice.open()).room(den.id);
    const { file } = await again.sendFile(sourceOf(changed));
    expect(new Set([...world.relay.files.keys()].map((key) => key.split(".")[3])).size).toBe(2);
    await arrive(bobs);
    const sink = new MemorySink(changed.length);
    await bobs.getFile(file.id, sink);
    expect(Buffer.from(sink.bytes).equals(Buffer.from(changed))).toBe(true);
  });

  it("a download goes on at the segment", async () => {
    await using world = new World();
    const { den, bobs } = await rooms(world);
    const bytes = randomBytes(3 * 1024 * 1024);
    const { file } = await den.sendFile(sourceOf(bytes));
    await arrive(bobs);
    const sink = new MemorySink(bytes.length, bytes.subarray(0, 1_000_000));
    let resumed = 0;
    await bobs.getFile(file.id, sink, {
      onProgress: ({ resumedBytes }) => {
        resumed = resumedBytes;
      },
    });
    expect(resumed).toBe(61 * 16_384);
    expect(Buffer.from(sink.bytes).equals(bytes)).toBe(true);
  });

  it("[F96] a flipped bit, a swapped chunk and a missing one are refused", async () => {
    await using world = new World();
    const { den, bobs } = await rooms(world);
    const bytes = randomBytes(2 * 1024 * 1024);
    const { file } = await den.sendFile(sourceOf(bytes));
    await arrive(bobs);
    const [first, second, third] = [...world.relay.files.keys()];
    if (first === undefined || second === undefined || third === undefined) throw new Error("few");
    const good = world.relay.files.get(second) ?? new Uint8Array(0);
    const flipped = Uint8Array.from(good);
    flipped[77] = (flipped[77] ?? 0) ^ 1;
    world.relay.files.set(second, flipped);
    const get = (): Promise<unknown> => bobs.getFile(file.id, new MemorySink(bytes.length));
    await expect(get()).rejects.toMatchObject({ code: "ERR_FILE_TAMPERED" });
    world.relay.files.set(second, world.relay.files.get(third) ?? good);
    await expect(get()).rejects.toMatchObject({ code: "ERR_FILE_TAMPERED" });
    world.relay.files.delete(second);
    await expect(get()).rejects.toMatchObject({ code: "ERR_FILE_MISSING" });
    world.relay.files.set(second, good);
    await get();
  });

  it("refuses names that are paths, before anything is sent", async () => {
    await using world = new World();
    const { den } = await rooms(world);
    for (const name of ["../x", "a/b", "", ".", "a\u0000b", "x".repeat(256)]) {
      await expect(den.sendFile(sourceOf(new Uint8Array(1), name))).rejects.toMatchObject({
        code: "ERR_FILE_NAME",
      });
    }
    expect(world.relay.files.size).toBe(0);
  });

  it("a chunk's answer that is lost is no second chunk", async () => {
    await using world = new World();
    const { den, bobs } = await rooms(world);
    let count = 0;
    world.relay.faults.chunk = () => {
      count += 1;
      return count % 3 === 0 ? "lose-answer" : count % 5 === 0 ? "lose" : "ok";
    };
    const bytes = randomBytes(8 * 1024 * 1024);
    const { file } = await den.sendFile(sourceOf(bytes));
    await arrive(bobs);
    const sink = new MemorySink(bytes.length);
    await bobs.getFile(file.id, sink);
    expect(Buffer.from(sink.bytes).equals(bytes)).toBe(true);
  });
});
