import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { ended } from "./support/ended.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const demo = fileURLToPath(new URL("../src/demo/main.ts", import.meta.url));
const sh = promisify(execFile);
const minute = 60_000;

const kept: { folder: string; stop: string }[] = [];

afterEach(async () => {
  for (const { folder, stop } of kept.splice(0)) {
    await sh("sh", ["-c", stop], { cwd: root, timeout: minute }).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
});

async function play(environment: Readonly<Record<string, string>>): Promise<string[]> {
  const env = { ...process.env, KEEP: undefined, CLOISTER_SERVER_HOME: undefined, ...environment };
  const child = spawn(process.execPath, [demo], { env });
  const { code, out, err } = await ended(child, 4 * minute);
  const lines = out.trimEnd().split("\n");
  // What failed is the last that it says.
  expect({ code, err, last: lines.slice(code === 0 ? -1 : -12) }).toEqual({
    code: 0,
    err: "",
    last: ["demo: ok, 0 plaintext hits"],
  });
  return lines;
}

describe("make demo", () => {
  it(
    "[F5] [F45] [F49] [F52] plays the main job; its holder's view has the control and no plaintext",
    async () => {
      const shown = (await play({})).join("\n");
      for (const said of [
        /Bob tries to join sources without a code: refused \(.*TOTP/,
        /each message is there once, in order: 20 of 20/,
        /Bob gets the file; hashes equal: [0-9a-f]{16}/,
        /Mallory asks the gateway for sources: refused/,
        /Mallory publishes as Bob: refused by NATS/,
        /control, in the clear: found [1-9]\d* × in [\d.]+ MiB inside TLS, [1-9]\d* × on the box/,
        /what members wrote: found 0 × in both/,
        /what was sealed before opens, what came after does not/,
      ]) {
        expect(shown).toMatch(said);
      }
    },
    5 * minute,
  );

  it(
    "KEEP=1 leaves a box on which the printed commands work",
    async () => {
      const lines = await play({ KEEP: "1" });
      const start = lines.findIndex((line) => line.startsWith("The box goes on running"));
      const commands = lines.slice(start).filter((line) => line.startsWith("  "));
      const stop = commands.find((line) => line.includes("server stop"))?.trim() ?? "";
      const folder = commands.find((line) => line.startsWith("  rm -r "))?.slice(8) ?? "";
      kept.push({ folder, stop });
      const script = ["set -e", ...commands].join("\n");
      const { stdout } = await sh("sh", ["-c", script], { cwd: root, timeout: 2 * minute });
      expect(stdout).toMatch(/^Alice .*[^]*Acme {2}\(owner\)[^]*sources {2}\(owner; joined\)/);
      expect(stdout).toMatch(/Alice: after the removal: marker-[^]*stored\nstopped\n$/);
      expect(existsSync(folder)).toBe(false);
    },
    6 * minute,
  );
});
