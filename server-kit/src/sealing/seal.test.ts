import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SecretBytes, utf8Bytes } from "@cloister/base";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { boxKeyPath, createBox, createDataKey, openBox, openDataKey } from "./box.ts";
import { SEAL_OVERHEAD_BYTES, SealingKey } from "./seal.ts";
import { readSealedFile, writeSealedFile } from "./sealed-file.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "cloister-sealing-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const marker = utf8Bytes("marker of a secret, 32 bytes long");

describe("sealing", () => {
  test("opens what it sealed, for the same purpose only", () => {
    using key = SealingKey.generate();
    const sealed = key.sealBytes("a/1", marker);
    expect(sealed.length).toBe(marker.length + SEAL_OVERHEAD_BYTES);
    using opened = key.openSealed("a/1", sealed);
    expect(opened.expose((bytes) => Uint8Array.from(bytes))).toEqual(marker);
    expect(() => key.openSealed("a/2", sealed)).toThrow(
      expect.objectContaining({ code: "ERR_SEALED_FOREIGN" }),
    );
  });

  test("refuses every flipped bit, a cut, and another key", () => {
    using key = SealingKey.generate();
    using other = SealingKey.generate();
    const sealed = key.sealBytes("a", utf8Bytes("x"));
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const altered = Uint8Array.from(sealed);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => key.openSealed("a", altered)).toThrow(/sealed bytes/);
    }
    expect(() => key.openSealed("a", sealed.subarray(0, 20))).toThrow(/sealed bytes/);
    expect(() => other.openSealed("a", sealed)).toThrow(/do not open/);
  });

  test("a place's key is its own, and the same after a restart", () => {
    using key = SealingKey.generate();
    using nonces = key.derive("kv/nonces");
    using again = key.derive("kv/nonces");
    using state = key.derive("kv/state");
    const sealed = nonces.sealBytes("a", marker);
    using opened = again.openSealed("a", sealed);
    expect(opened.expose((bytes) => Uint8Array.from(bytes))).toEqual(marker);
    for (const other of [key, state]) {
      expect(() => other.openSealed("a", sealed)).toThrow(/do not open/);
    }
  });

  test("the same plaintext never seals to the same bytes", () => {
    using key = SealingKey.generate();
    const texts = new Set(
      Array.from({ length: 100 }, () => Buffer.from(key.sealBytes("a", marker)).toString("hex")),
    );
    expect(texts.size).toBe(100);
  });
});

describe("the box", () => {
  test("opens after a restart; a file moved to another purpose does not", async () => {
    using first = await createBox(directory);
    const path = join(directory, "a.sealed");
    await writeSealedFile({ key: first, path, purpose: "a" }, marker);
    using again = await openBox(directory);
    using read = await readSealedFile({ key: again, path, purpose: "a" });
    expect(read.expose((bytes) => Uint8Array.from(bytes))).toEqual(marker);
    await expect(readSealedFile({ key: again, path, purpose: "b" })).rejects.toMatchObject({
      code: "ERR_SEALED_FOREIGN",
    });
  });

  test("keeps its key when it is made twice, and modes 0600", async () => {
    using first = await createBox(directory);
    using second = await createBox(directory);
    const sealed = first.sealBytes("a", marker);
    expect(() => second.openSealed("a", sealed)[Symbol.dispose]()).not.toThrow();
    expect((await stat(boxKeyPath(directory))).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(["box.key"]);
  });

  test("[F95] a sealed file and a data key hold nothing of what they protect", async () => {
    using box = await createBox(directory);
    const path = join(directory, "data-key.sealed");
    using key = await createDataKey({ box, path, owner: "accounts" });
    const file = await readFile(path);
    key.exposeKey((bytes) => expect(file.includes(bytes)).toBe(false));
    using again = await openDataKey({ box, path, owner: "accounts" });
    const sealed = key.sealBytes("x", marker);
    expect(Buffer.from(sealed).includes(marker)).toBe(false);
    again.openSealed("x", sealed)[Symbol.dispose]();
    await expect(openDataKey({ box, path, owner: "gateway" })).rejects.toMatchObject({
      code: "ERR_SEALED_FOREIGN",
    });
  });

  test("refuses a key that others may read, a missing one, and another wrapper's", async () => {
    await expect(openBox(directory)).rejects.toMatchObject({ code: "ERR_BOX_KEY_MISSING" });
    (await createBox(directory))[Symbol.dispose]();
    await chmod(boxKeyPath(directory), 0o644);
    await expect(openBox(directory)).rejects.toMatchObject({ code: "ERR_BOX_KEY_EXPOSED" });
    await chmod(boxKeyPath(directory), 0o600);
    const wrapper = {
      name: "tpm",
      wrap: () => Promise.resolve(new Uint8Array(32)),
      unwrap: () => Promise.resolve(SecretBytes.from(new Uint8Array(32))),
    };
    await expect(openBox(directory, { wrapper })).rejects.toMatchObject({
      code: "ERR_SEALED_MALFORMED",
    });
    await writeFile(boxKeyPath(directory), "cloister box key 1 file\nshort");
    await expect(openBox(directory)).rejects.toMatchObject({ code: "ERR_SEALED_MALFORMED" });
  });
});
