import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { makeBox } from "./src/servers/box.ts";
import { foundRoom } from "./src/servers/people.ts";

await using box = await makeBox();
await box.start();
const p = await foundRoom(box);
for (const mib of [16, 64]) {
  const b = [];
  for (let i = 0; i < mib; i++) b.push(randomBytes(2 ** 20));
  writeFileSync(`${box.folder}/f${mib}`, Buffer.concat(b));
}
const { spawn } = await import("node:child_process");
const run = (args: string[], arg: string) =>
  new Promise((r) => {
    const c = spawn(
      process.execPath,
      [
        ...args,
        "bench/scratch2.ts",
        JSON.stringify({ alice: p.alice, room: p.room, arg, folder: box.folder }),
      ],
      { stdio: "inherit" },
    );
    c.on("exit", r);
  });
await run([], "16");
await run([], "64");
await run(["--max-semi-space-size=1"], "64");
await run(["--max-semi-space-size=1", "--max-old-space-size=64"], "64");
