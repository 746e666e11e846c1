import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SecretBytes, utf8Bytes } from "@cloister/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createStoreKey, rewrapStoreKey, unlockStoreKey } from "./store-key.ts";

const secret = (text: string): SecretBytes => SecretBytes.from(utf8Bytes(text));
const passphrase = "correct horse battery staple";

describe("store key", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cloister-key-"));
    path = join(folder, "store.key");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("opens with its passphrase, and only then [F3]", async () => {
    using made = await createStoreKey(path, secret(passphrase));
    using opened = await unlockStoreKey(path, secret(passphrase));
    expect(opened.equals(made)).toBe(true);
    await expect(
      unlockStoreKey(path, secret("correct horse battery stapel")),
    ).rejects.toMatchObject({
      code: "ERR_STORE_UNLOCK",
      message: expect.stringContaining("cannot unlock"),
    });
  });

  it("is written for its owner alone and holds no key in the clear [F3]", async () => {
    using made = await createStoreKey(path, secret(passphrase));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path);
    const encodings = ["hex", "base64", "base64url", "latin1"] as const;
    for (const encoding of encodings) {
      const needle = made.expose((bytes) => Buffer.from(bytes).toString(encoding));
      expect(text.includes(needle)).toBe(false);
    }
  });

  it("refuses weakened and altered parameters", async () => {
    using _made = await createStoreKey(path, secret(passphrase));
    const file = JSON.parse(await readFile(path, "utf8"));
    const write = (header: object) => writeFile(path, JSON.stringify({ ...file, header }));
    await write({ ...file.header, memoryKib: 8 });
    await expect(unlockStoreKey(path, secret(passphrase))).rejects.toMatchObject({
      code: "ERR_STORE_KEY_FILE",
    });
    await write({ ...file.header, passes: 4 });
    await expect(unlockStoreKey(path, secret(passphrase))).rejects.toMatchObject({
      code: "ERR_STORE_UNLOCK",
    });
    await writeFile(path, "{}");
    await expect(unlockStoreKey(path, secret(passphrase))).rejects.toMatchObject({
      code: "ERR_STORE_KEY_FILE",
    });
  });

  it("never overwrites a key, and changes its passphrase in one step", async () => {
    using made = await createStoreKey(path, secret(passphrase));
    await expect(createStoreKey(path, secret(passphrase))).rejects.toMatchObject({
      code: "ERR_STORE_EXISTS",
    });
    await rewrapStoreKey(path, made, secret("another long passphrase"));
    using opened = await unlockStoreKey(path, secret("another long passphrase"));
    expect(opened.equals(made)).toBe(true);
  });

  it("opens what version 1 wrote (golden bytes)", async () => {
    await writeFile(
      path,
      await readFile(new URL("../tests/golden/store-key-v1.json", import.meta.url)),
    );
    using opened = await unlockStoreKey(path, secret(passphrase));
    expect(opened.expose((bytes) => Buffer.from(bytes).toString("hex"))).toBe(GOLDEN_KEY_HEX);
  });
});

const GOLDEN_KEY_HEX = "0c08e6d3f6438e99da4104d3b9514590c816e11d8043b0428270c309e1bad3db";
