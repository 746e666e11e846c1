import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { readOutStreams, serverHome } from "@cloister/deploy";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ended } from "./support/ended.ts";
import { TestBox } from "./support/test-box.ts";

const alice = { profile: "alice" };
const bob = { profile: "bob" };
const mebibyte = 1024 * 1024;
let box: TestBox;

beforeAll(async () => {
  box = await TestBox.start();
  await box.found("sources");
  await box.bring("Bob", "sources");
});

afterAll(async () => {
  await box[Symbol.asyncDispose]();
});

/** The texts that a reading shows. */
async function read(profile: string, ...options: readonly string[]): Promise<string[]> {
  const out = await box.ok(["read", "sources", "--json", ...options], { profile });
  const messages = out.split("\n").filter((line) => line !== "");
  return messages.map((line) => String((JSON.parse(line) as { text?: unknown }).text));
}

async function fileOf(
  name: string,
  lengthBytes: number,
): Promise<{ path: string; sha256: string }> {
  const bytes = randomBytes(lengthBytes);
  const path = box.path(name);
  await writeFile(path, bytes);
  return { path, sha256: createHash("sha256").update(bytes).digest("hex") };
}

async function hashOf(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

describe("messages", () => {
  it("says for whom a first message waits, and sends it once that one has come", async () => {
    const first = await box.run(["send", "sources", "first", "--wait", "1"], bob);
    expect(first).toMatchObject({
      code: 75,
      out: expect.stringMatching(/^queued on this device, waiting: Alice must come online once/),
      err: expect.stringContaining("any later command sends it"),
    });
    expect(await box.ok(["whoami"], bob)).toMatch(
      /sources {2}\(user; .*must come online.*1 queued/,
    );
    expect(await read("alice")).toEqual([]);
    expect(await box.ok(["whoami"], bob)).toMatch(/sources {2}\(user; joined/);
    expect(await box.ok(["read", "sources"], bob)).toMatch(/Bob: first$/m);
    expect(await read("alice")).toEqual(["first"]);
  });

  it("[F45] what is written while the reader is off is there once, in order, when it comes back", async () => {
    for (const text of ["one", "two"]) {
      expect(await box.ok(["send", "sources", text], alice)).toBe("stored\n");
    }
    await box.ok(["send", "sources"], { ...alice, stdin: "from\nstandard input\n" });
    await read("bob", "--all");
    const all = await read("bob", "--all");
    expect(all.slice(-3)).toEqual(["one", "two", "from\nstandard input"]);
    const again = await box.run(["read", "sources"], bob);
    expect(again).toEqual({ code: 0, out: "", err: "nothing new\n" });
  });

  it("obeys no control character of another's text", async () => {
    await box.ok(["send", "sources", "-"], {
      ...alice,
      stdin: "\u001b]0;owned\u0007\u001b[2J\n2026-01-01 00:00  Bob: forged",
    });
    const shown = await box.ok(["read", "sources"], bob);
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u009b]/);
    expect(shown.split("\n")[1]).toBe("    2026-01-01 00:00  Bob: forged");
  });

  it("what is too long is refused before anything is sent, and the limit is named", async () => {
    const stdin = "x".repeat(400_001);
    expect(await box.run(["send", "sources"], { ...alice, stdin })).toMatchObject({
      code: 64,
      err: expect.stringContaining("400000 bytes"),
    });
    expect(await box.run(["send", "sources"], { ...alice, stdin: "" })).toMatchObject({ code: 64 });
  });

  it("a process that listens shows what comes, and ends on SIGINT with 0", async () => {
    await read("bob");
    const listener = box.spawn(["listen", "sources", "--json"], bob);
    const end = ended(listener);
    await box.ok(["send", "sources", "live"], alice);
    await once(listener.stdout ?? listener, "data");
    listener.kill("SIGINT");
    const { code, out, err } = await end;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(out)).toMatchObject({ kind: "text", text: "live", personName: "Alice" });
    expect(await read("bob")).toEqual([]);
  });

  it("with the server stopped a message stays queued, and a later command sends it exactly once", async () => {
    await read("bob");
    await box.ok(["server", "stop"]);
    const sent = await box.run(["send", "sources", "while it was down"], alice);
    expect(sent).toMatchObject({
      code: 75,
      out: "queued on this device, waiting: no connection\n",
      err: expect.stringContaining("offline"),
    });
    expect(await box.run(["read", "sources", "--all"], alice)).toMatchObject({
      code: 0,
      out: expect.not.stringContaining("while it was down"),
    });
    expect(await box.ok(["whoami"], alice)).toMatch(/state +offline[^]*1 queued/);
    expect(await box.run(["room", "key", "sources"], alice)).toMatchObject({ code: 69 });
    await box.ok(["server", "start"]);
    await box.ok(["device", "list"], alice);
    expect(await box.ok(["whoami"], alice)).not.toContain("queued");
    expect(await read("bob")).toEqual(["while it was down"]);
    const all = await read("alice", "--all");
    expect(all.filter((text) => text === "while it was down")).toHaveLength(1);
  });
});

describe("files", () => {
  it("[F47] 10 MiB are 21 stored messages; the hash of what comes is the hash of what went", async () => {
    const { path, sha256 } = await fileOf("ten.bin", 10 * mebibyte);
    const sent = await box.json(["file", "send", "sources", path], alice);
    expect(sent).toMatchObject({ name: "ten.bin", lengthBytes: 10 * mebibyte, sha256 });
    expect(await box.ok(["file", "list", "sources"], bob)).toMatch(
      /^ten.bin {2}10.0 MiB {2}file_/m,
    );
    const output = box.path("ten.got");
    const got = await box.json(["file", "get", "sources", "ten.bin", "--output", output], bob);
    expect(got).toMatchObject({ path: output, sha256 });
    expect(await hashOf(output)).toBe(sha256);
    const twice = await box.run(["file", "get", "sources", "ten.bin", "--output", output], bob);
    expect(twice).toMatchObject({ code: 64, err: expect.stringContaining("--output") });
    await box.ok(["server", "stop"]);
    let chunks = 0;
    await readOutStreams(serverHome(box.path("box")), ({ stream }) => {
      if (stream === "FILES") chunks += 1;
    });
    await box.ok(["server", "start"]);
    expect(chunks).toBe(21);
  });

  it("stopped in the middle, both directions go on where they were", async () => {
    const { path, sha256 } = await fileOf("large.bin", 192 * mebibyte);
    const send = ["file", "send", "sources", path];
    expect(await stoppedMidway(send, "alice")).toMatchObject({
      code: 130,
      out: "",
      err: expect.stringContaining("it goes on where it was"),
    });
    const sent = await box.run(send, alice);
    expect(sent).toMatchObject({ code: 0, err: expect.stringContaining("goes on after") });
    const output = box.path("large.got");
    const get = ["file", "get", "sources", "large.bin", "--output", output];
    expect(await stoppedMidway(get, "bob")).toMatchObject({ code: 130, out: "" });
    await expect(readFile(output)).rejects.toThrow("ENOENT");
    const got = await box.run(get, bob);
    expect(got).toMatchObject({ code: 0, err: expect.stringContaining("goes on after") });
    expect(await hashOf(output)).toBe(sha256);
  });

  it("a file that is not there, and one that nobody sent", async () => {
    const missing = await box.run(["file", "send", "sources", box.path("nothing")], alice);
    expect(missing).toMatchObject({ code: 64, err: expect.stringContaining("Check the path") });
    const unknown = await box.run(["file", "get", "sources", "nothing"], bob);
    expect(unknown).toMatchObject({ code: 64, err: expect.stringContaining("no file is called") });
  });
});

/** As Ctrl-C does, once the bar shows that some of it has been moved. */
async function stoppedMidway(args: readonly string[], profile: string): ReturnType<TestBox["run"]> {
  const stopping = new AbortController();
  return await box.run(args, {
    profile,
    signal: stopping.signal,
    onTerminal: (text) => {
      if (/ [1-9]\d %/.test(text)) stopping.abort();
    },
  });
}
