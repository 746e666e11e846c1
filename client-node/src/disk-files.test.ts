import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiskFileSink } from "./file-sink.ts";
import { DiskFileSource } from "./file-source.ts";

const fileId = "file_abcdefgh12345678";

describe("files on disk", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cloister-files-"));
    path = join(folder, "report.PDF");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("a source gives any range, its name and its type; less where it has become shorter", async () => {
    const content = randomBytes(100_000);
    await writeFile(path, content);
    await using source = await DiskFileSource.open(path);
    expect(source).toMatchObject({ name: "report.PDF", mediaType: "application/pdf" });
    expect(source.lengthBytes).toBe(100_000);
    expect(Buffer.from(await source.read(99_000, 5_000)).equals(content.subarray(99_000))).toBe(
      true,
    );
    await truncate(path, 50);
    expect(await source.read(0, 100)).toHaveLength(50);
    expect(await source.read(60, 10)).toHaveLength(0);
  });

  it("what is no file to read is refused at once, a named pipe too", async () => {
    execFileSync("/usr/bin/env", ["mkfifo", join(folder, "pipe")]);
    for (const name of ["none", ".", "pipe"]) {
      await expect(DiskFileSource.open(join(folder, name))).rejects.toMatchObject({
        code: "ERR_FILE_UNREADABLE",
      });
    }
  });

  it("[F52] a sink goes on where a broken-off one ended, and appears whole", async () => {
    {
      await using first = await DiskFileSink.open(path, fileId);
      expect(first.resumeBytes).toBe(0);
      await first.write(0, Buffer.from("hello "));
    }
    expect(await readdir(folder)).toEqual(["report.PDF.12345678.part"]);
    await using second = await DiskFileSink.open(path, fileId);
    expect(second.resumeBytes).toBe(6);
    expect(Buffer.from(await second.read(0, 6)).toString()).toBe("hello ");
    await second.write(6, Buffer.from("world"));
    await second.finish();
    expect(await readdir(folder)).toEqual(["report.PDF"]);
    expect(await readFile(path, "utf8")).toBe("hello world");
  });

  it("two files that are to get one name do not mix, and the second overwrites nothing", async () => {
    await using first = await DiskFileSink.open(path, fileId);
    await using second = await DiskFileSink.open(path, "file_zyxwvuts87654321");
    await first.write(0, Buffer.from("one"));
    await second.write(0, Buffer.from("two"));
    await first.finish();
    await expect(second.finish()).rejects.toMatchObject({ code: "ERR_FILE_EXISTS" });
    expect(await readFile(path, "utf8")).toBe("one");
    await expect(DiskFileSink.open(path, fileId)).rejects.toMatchObject({
      code: "ERR_FILE_EXISTS",
    });
  });

  it("a discarded one leaves nothing behind", async () => {
    await using sink = await DiskFileSink.open(path, fileId);
    await sink.write(0, Buffer.from("wrong"));
    await sink.discard();
    expect(await readdir(folder)).toEqual([]);
  });

  it("a full disk and a missing folder are told apart", async () => {
    // The kernel's device that has no space, under the name of the part.
    await symlink("/dev/full", `${path}.12345678.part`);
    await using sink = await DiskFileSink.open(path, fileId);
    await expect(sink.write(0, Buffer.from("x"))).rejects.toMatchObject({ code: "ERR_STORE_FULL" });
    const nowhere = join(folder, "none", "file");
    await expect(DiskFileSink.open(nowhere, fileId)).rejects.toMatchObject({
      code: "ERR_FILE_UNWRITABLE",
    });
    await mkdir(join(folder, "none"));
  });
});
