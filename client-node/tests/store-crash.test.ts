import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SqliteStore } from "@cloister/client-node";
import { expect, test } from "vitest";

const program = fileURLToPath(new URL("store-writer.ts", import.meta.url));

/** Kills the writer in the middle of its work; answers with the last number that it told. */
async function writeUntilKilled(path: string, from: number): Promise<number> {
  const child = spawn(process.execPath, [program, path, String(from)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = "";
  child.stdout.on("data", (chunk: Buffer) => {
    told += chunk.toString();
  });
  while (!told.includes("\n")) await delay(5);
  await delay(20 + Math.random() * 100);
  const ended = once(child, "close");
  child.kill("SIGKILL");
  await ended;
  return Number(told.slice(0, told.lastIndexOf("\n")).split("\n").at(-1));
}

test("[F90] a store whose process is killed -9 has all that was answered, and no half of anything", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cloister-crash-"));
  const path = join(folder, "store.sqlite");
  try {
    for (let round = 0, from = 0; round < 4; round += 1) {
      const told = await writeUntilKilled(path, from);
      expect(told).toBeGreaterThan(from);
      await using store = SqliteStore.open(path);
      const keysOf = (number: number) =>
        store.list({ prefix: `n/${number}/`, limit: 9 }).map(({ key }) => key.slice(-1));
      for (let number = from; number <= told; number += 1) {
        const kept = keysOf(number);
        expect(kept.join(""), `transaction ${number} of ${told}`).toMatch(/^a?bc$/);
        expect(kept.includes("a")).toBe(keysOf(number + 20).length === 0);
      }
      const next = keysOf(told + 1);
      expect(next.length === 0 || next.length === 3).toBe(true);
      from = told + 2;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
