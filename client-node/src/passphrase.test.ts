import { closeSync, openSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SecretBytes, utf8Bytes } from "@cloister/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkNewPassphrase, passphraseSourceFrom, readPassphrase } from "./passphrase.ts";

const never = () => Promise.reject(new Error("nobody is to be asked"));

describe("a passphrase", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cloister-passphrase-"));
    path = join(folder, "passphrase");
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function fromFile(content: string | Uint8Array): Promise<string> {
    await writeFile(path, content);
    const source = passphraseSourceFrom({ CLOISTER_PASSPHRASE_FILE: path }, never);
    using read = await readPassphrase(source);
    return read.expose((bytes) => Buffer.from(bytes).toString());
  }

  it("comes from a file without its line end, whichever", async () => {
    for (const end of ["", "\n", "\r\n"])
      expect(await fromFile(`two words${end}`)).toBe("two words");
    expect(await fromFile(" kept \n\n")).toBe(" kept \n");
    const long = "x".repeat(1024);
    expect(await fromFile(`${long}\r\n`)).toBe(long);
  });

  it.each(["", "\n", "\r\n", "x".repeat(1025), `${"x".repeat(1024)}\n\n`, "x".repeat(200_000)])(
    "is refused if it is empty or too long (%#)",
    async (content) => {
      await expect(fromFile(content)).rejects.toMatchObject({ code: "ERR_PASSPHRASE_SOURCE" });
    },
  );

  it("comes from a descriptor, which goes before a file", async () => {
    await writeFile(path, "by descriptor\n");
    const fd = openSync(path, "r");
    try {
      const environment = {
        CLOISTER_PASSPHRASE_FD: String(fd),
        CLOISTER_PASSPHRASE_FILE: join(folder, "none"),
      };
      using read = await readPassphrase(passphraseSourceFrom(environment, never));
      expect(read.expose((bytes) => Buffer.from(bytes).toString())).toBe("by descriptor");
    } finally {
      closeSync(fd);
    }
  });

  it("is asked for only where neither is named", async () => {
    const ask = () => Promise.resolve(SecretBytes.from(utf8Bytes("asked")));
    using read = await readPassphrase(passphraseSourceFrom({}, ask));
    expect(read.expose((bytes) => Buffer.from(bytes).toString())).toBe("asked");
  });

  it("says that its source is wrong without naming what was read", async () => {
    const sources = ["", "-1", "1.5", "three", "99999"].map((fd) => ({
      CLOISTER_PASSPHRASE_FD: fd,
    }));
    for (const environment of sources) {
      expect(() => passphraseSourceFrom(environment, never)).toThrow(
        expect.objectContaining({ code: "ERR_PASSPHRASE_SOURCE" }),
      );
    }
    const unreadable = [
      passphraseSourceFrom({ CLOISTER_PASSPHRASE_FD: "9999" }, never),
      passphraseSourceFrom({ CLOISTER_PASSPHRASE_FILE: join(folder, "none") }, never),
      passphraseSourceFrom({ CLOISTER_PASSPHRASE_FILE: folder }, never),
    ];
    for (const source of unreadable) {
      await expect(readPassphrase(source)).rejects.toMatchObject({ code: "ERR_PASSPHRASE_SOURCE" });
    }
  });

  it("of a new profile has at least 16 characters", () => {
    using short = SecretBytes.from(utf8Bytes("fifteen chars!!"));
    expect(() => checkNewPassphrase(short)).toThrow(
      expect.objectContaining({ code: "ERR_PASSPHRASE_SHORT" }),
    );
    using enough = SecretBytes.from(utf8Bytes("sixteen chars!!!"));
    expect(() => checkNewPassphrase(enough)).not.toThrow();
  });
});
