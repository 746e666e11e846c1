import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMarker, MarkerSearch } from "./marker.ts";
import { writeSampleFile } from "./sample-file.ts";

const BLOCK_BYTES = 4096;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloister-sample-"));
  await mkdir(join(folder, "sources", "inner"), { recursive: true });
  await writeFile(join(folder, "sources", "a.js"), "export const a = 1;\n".repeat(1000));
  await writeFile(join(folder, "sources", "inner", "b.ts"), "export const b = 2;\n".repeat(1000));
  await writeFile(join(folder, "sources", "c.png"), Buffer.alloc(100_000, 0xff));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("sample file", () => {
  const marker = createMarker();
  const write = (minBytes: number): ReturnType<typeof writeSampleFile> =>
    writeSampleFile({
      sourceFolder: join(folder, "sources"),
      path: join(folder, "sample.txt"),
      minBytes,
      marker,
    });

  it("holds sources with their names, and the marker once at the end of every 4 KiB", async () => {
    const sample = await write(8 * BLOCK_BYTES);
    const bytes = await readFile(sample.path);
    expect(bytes.length).toBe(sample.lengthBytes);
    expect(sample).toMatchObject({ lengthBytes: 8 * BLOCK_BYTES, markers: 8 });
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(sample.sha256);
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      const search = new MarkerSearch(marker);
      search.add(bytes.subarray(at, at + BLOCK_BYTES));
      expect(search.hits).toBe(1);
    }
    expect(bytes.toString("utf8")).toMatch(/==> a.js <==[^]*==> inner\/b.ts <==/);
    expect(bytes.includes(0xff)).toBe(false);
  });

  it("says so where there is too little to send", async () => {
    await expect(write(1024 * BLOCK_BYTES)).rejects.toMatchObject({
      code: "ERR_DEMO",
      message: expect.stringMatching(/are \d+ bytes; 4194304 are to be sent/),
      hint: expect.stringContaining("Install the dependencies"),
    });
  });
});
