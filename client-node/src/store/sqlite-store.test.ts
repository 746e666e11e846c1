import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { markSealed, type Sealed } from "@cloister/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeRandom } from "../node-crypto.ts";
import { SqliteStore } from "./sqlite-store.ts";

/** Shaped as client-core seals: magic, nonce, ciphertext, tag. */
function sealedValue(lengthBytes = 64): Sealed {
  const value = nodeRandom.bytes(lengthBytes);
  value.set([0xc1, 0xff, 0x5e, 0x01]);
  return markSealed(value);
}

describe("sqlite store", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cloister-store-"));
    path = join(folder, "store.sqlite");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("keeps what a transaction wrote, and lists a prefix in order", async () => {
    const [a, b, c] = [sealedValue(), sealedValue(), sealedValue()];
    {
      await using store = SqliteStore.open(path);
      const puts = [
        { key: "room/b", value: b },
        { key: "room/a", value: a },
        { key: "rooms", value: c },
      ];
      store.transaction({ puts, deletes: [] });
    }
    await using store = SqliteStore.open(path);
    const keysOf = (after?: string, limit = 10) =>
      store.list({ prefix: "room/", after, limit }).map((row) => row.key);
    expect(keysOf()).toEqual(["room/a", "room/b"]);
    expect(keysOf("room/a")).toEqual(["room/b"]);
    expect(keysOf(undefined, 1)).toEqual(["room/a"]);
    expect(Buffer.from(store.get("rooms") ?? [])).toEqual(Buffer.from(c));
    expect(store.get("none")).toBeUndefined();
  });

  it("deletes before it puts, and does all or nothing [F90]", async () => {
    await using store = SqliteStore.open(path);
    const value = sealedValue();
    store.transaction({ puts: [{ key: "k", value }], deletes: ["k"] });
    expect(store.get("k")).toBeDefined();
    const plain = markSealed(
      new TextEncoder().encode("in the clear, and long enough to look right"),
    );
    const puts = [
      { key: "first", value: sealedValue() },
      { key: "second", value: plain },
    ];
    expect(() => store.transaction({ puts, deletes: ["k"] })).toThrow(
      expect.objectContaining({ code: "ERR_STORE_PLAINTEXT" }),
    );
    expect(store.get("first")).toBeUndefined();
    expect(store.get("k")).toBeDefined();
  });

  it("has one user at a time, also across processes", async () => {
    await using store = SqliteStore.open(path);
    expect(() => SqliteStore.open(path)).toThrow(
      expect.objectContaining({ code: "ERR_STORE_LOCKED" }),
    );
    const child = fork(new URL("../../tests/open-store.ts", import.meta.url), [path]);
    const [message] = await once(child, "message");
    expect(message).toBe("ERR_STORE_LOCKED");
    store.transaction({ puts: [{ key: "k", value: sealedValue() }], deletes: [] });
  });

  it("is readable by its owner alone and refuses a newer file", async () => {
    {
      await using _store = SqliteStore.open(path);
    }
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 9");
    database.close();
    expect(() => SqliteStore.open(path)).toThrow(
      expect.objectContaining({ code: "ERR_STORE_VERSION" }),
    );
  });

  it("leaves nothing of a deleted value in the file", async () => {
    const value = sealedValue(4096);
    {
      await using store = SqliteStore.open(path);
      store.transaction({ puts: [{ key: "k", value }], deletes: [] });
      store.transaction({ puts: [], deletes: ["k"] });
    }
    expect((await readFile(path)).includes(Buffer.from(value).subarray(16, 64))).toBe(false);
  });

  it("[F90] says that the disk is full, keeps what it has, and goes on when there is space", async () => {
    await using store = SqliteStore.open(path, { maxPages: 12 });
    const put = (key: string, lengthBytes: number) =>
      store.transaction({ puts: [{ key, value: sealedValue(lengthBytes) }], deletes: [] });
    put("kept", 20_000);
    expect(() => put("large", 400_000)).toThrow(
      expect.objectContaining({ code: "ERR_STORE_FULL", retryable: true }),
    );
    expect(store.get("large")).toBeUndefined();
    expect(store.get("kept")).toHaveLength(20_000);
    store.transaction({ puts: [{ key: "small", value: sealedValue() }], deletes: ["kept"] });
    put("again", 20_000);
    expect(store.get("again")).toHaveLength(20_000);
  });

  it("tells a damaged file and a folder that is none from each other", async () => {
    const { writeFile } = await import("node:fs/promises");
    await writeFile(path, "this is no database, and long enough to look like a header of one");
    expect(() => SqliteStore.open(path)).toThrow(
      expect.objectContaining({ code: "ERR_STORE_VALUE" }),
    );
    expect(() => SqliteStore.open(join(folder, "none", "store"))).toThrow(
      expect.objectContaining({ code: "ERR_FILE_UNWRITABLE" }),
    );
  });
});
