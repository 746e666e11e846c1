import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  initServer,
  issueServerClaim,
  parseClaim,
  runServer,
  serverHome,
  serverStatus,
  startServer,
  stopServer,
} from "@cloister/deploy";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { filesOf, initOptions } from "./support/box.ts";

const program = fileURLToPath(new URL("init-child.ts", import.meta.url));

describe("making a box", () => {
  let folder: string;
  let home: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cloister-init-"));
    home = join(folder, "box");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("[F3] leaves a home that its owner alone can enter, and a claim that names it", async () => {
    const made = await initServer(initOptions(home));
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    for (const file of await filesOf(home)) {
      expect((await stat(file)).mode & 0o077, file).toBe(0);
    }
    const claim = parseClaim(made.claim);
    expect(claim.gatewayUrl).toBe(made.gatewayUrl);
    expect(parseClaim(await issueServerClaim(home)).secret).not.toEqual(claim.secret);
  });

  test("is refused where a box is, and leaves that one alone", async () => {
    await initServer(initOptions(home));
    const before = await readFile(serverHome(home).settingsFile, "utf8");
    await expect(initServer(initOptions(home))).rejects.toMatchObject({
      code: "ERR_SERVER_INITIALISED",
    });
    expect(await readFile(serverHome(home).settingsFile, "utf8")).toBe(before);
  });

  test("goes on after the owner's root key could not be kept: another one is made", async () => {
    const roots: string[] = [];
    const keepOperatorRoot = async (seed: { expose<T>(use: (bytes: Uint8Array) => T): T }) => {
      roots.push(seed.expose((bytes) => Buffer.from(bytes).toString()));
      if (roots.length === 1) throw new Error("the printer is out of paper");
    };
    await expect(initServer(initOptions(home, { keepOperatorRoot }))).rejects.toThrow("paper");
    await expect(serverStatus(home)).rejects.toMatchObject({
      code: "ERR_SERVER_NOT_INITIALISED",
    });
    await initServer(initOptions(home, { keepOperatorRoot }));
    expect(new Set(roots).size).toBe(2);
    expect(roots[1]).toMatch(/^SO[A-Z2-7]{56}$/);
  });

  test("cut by kill -9 at any moment, goes on: there is a whole box, or none and the next try makes it", async () => {
    const seen = { whole: 0, none: 0 };
    for (const delayMs of [0, 4, 8, 12, 16, 24, 32, 48, 64, 2_000]) {
      const at = join(folder, `cut-${delayMs}`);
      const child = spawn(process.execPath, [program, at], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const ended = once(child, "close");
      await once(child.stdout, "data");
      await delay(delayMs);
      child.kill("SIGKILL");
      await ended;
      const names: string[] = await readdir(join(at, "accounts")).catch(() => []);
      const isWhole = names.includes("fleet.json");
      seen[isWhole ? "whole" : "none"] += 1;
      if (!isWhole) await initServer(initOptions(at));
      await expect(initServer(initOptions(at))).rejects.toMatchObject({
        code: "ERR_SERVER_INITIALISED",
      });
      expect(parseClaim(await issueServerClaim(at)).secret).toHaveLength(32);
      expect((await readdir(at)).filter((name) => name.includes("draft"))).toEqual([]);
    }
    expect(seen.none).toBeGreaterThan(0);
    expect(seen.whole).toBeGreaterThan(0);
  });

  test("with a port that is taken says which", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const at = server.address();
    const port = typeof at === "object" && at !== null ? at.port : 0;
    for (const name of ["gatewayPort", "natsPort", "webSocketPort"] as const) {
      await expect(initServer(initOptions(home, { [name]: port }))).rejects.toMatchObject({
        code: "ERR_PORT_TAKEN",
        message: expect.stringContaining(String(port)) as string,
      });
    }
    server.close();
  });

  test("nothing starts, stops or answers where no box is, and the message says what to do", async () => {
    const signal = AbortSignal.timeout(10_000);
    for (const use of [
      () => startServer(home, { signal }),
      () => stopServer(home),
      () => serverStatus(home),
      () => runServer(home, { signal }),
    ]) {
      await expect(use()).rejects.toMatchObject({
        code: "ERR_SERVER_NOT_INITIALISED",
        hint: expect.stringContaining("server init") as string,
      });
    }
    await initServer(initOptions(home));
    await expect(stopServer(home)).rejects.toMatchObject({ code: "ERR_SERVER_NOT_RUNNING" });
    const { settingsFile } = serverHome(home);
    for (const text of ["", "{", '{"version":2}', "null"]) {
      await writeFile(settingsFile, text);
      await expect(serverStatus(home)).rejects.toMatchObject({ code: "ERR_SERVER_SETTINGS" });
    }
  });

  test.each([
    "",
    "cloister-claim:",
    "cloister-claim:https://x#",
    "cloister-claim:http://x#a.b",
    "x".repeat(9_999),
  ])("what is no claim is refused (%#)", (text) => {
    expect(() => parseClaim(text)).toThrow(
      expect.objectContaining({ code: "ERR_CLAIM_MALFORMED" }),
    );
  });
});
