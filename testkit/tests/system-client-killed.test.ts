import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { RoomId } from "@cloister/base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SystemBox } from "../src/system-box.ts";
import type { SystemDevice } from "../src/system-device.ts";
import { meet, SystemOrg } from "../src/system-org.ts";
import { SeededRandom } from "../src/system-random.ts";
import { Reader, shownIn, textsOf, until } from "../src/system-shown.ts";

const SEED = Number(process.env["SYSTEM_KILL_SEED"] ?? 1);
const KILLS = 32;
/** After the client is in its room: most kills hit sending and receiving, some the start itself. */
const MAX_LIFE_MS = 400;
const program = fileURLToPath(new URL("../src/system-client.child.ts", import.meta.url));

let box: SystemBox;
let org: SystemOrg;
let bob: SystemDevice;
let room: RoomId;

beforeAll(async () => {
  box = await SystemBox.start();
  org = await SystemOrg.found(box);
  room = await org.createRoom("mortal");
  bob = await org.invite("Bob", [room]);
  await meet(room, [org.owner, bob]);
});

afterAll(async () => {
  await org?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

test(`[F45] [F46] a client killed with -9 ${KILLS} times while it sends and receives: nothing acknowledged is lost, nothing is shown twice, on either side`, {
  timeout: 240_000,
}, async () => {
  const random = new SeededRandom(SEED);
  const alice = Reader.follow(org.owner.client, room);
  const alicesTexts = writeAllTheTime(org.owner, room);
  await bob.close();
  const acknowledgedFile = join(box.folder, "acknowledged");
  const shownFile = join(box.folder, "shown");
  for (let run = 0; run < KILLS; run += 1) {
    const isEarly = random.below(5) === 0;
    await liveAndDie({
      job: { ...bob.place, room, acknowledgedFile, shownFile, run },
      fromReady: !isEarly,
      lifeMs: random.below(MAX_LIFE_MS),
    });
  }
  const written = await alicesTexts.stop();
  await bob.open();
  await (await (await bob.client.room(room)).send("last")).stored;
  await until("Alice reads the last", () => alice.texts.includes("last"));
  await alice.stop();

  const acknowledged = linesOf(acknowledgedFile);
  const bobs = alice.texts.filter((text) => /^\d+\.\d+$/.test(text));
  expect(new Set(bobs).size).toBe(bobs.length);
  expect(acknowledged.filter((text) => !bobs.includes(text))).toEqual([]);
  // What one run sent arrives in its order, whichever run brought it over.
  for (let run = 0; run < KILLS; run += 1) {
    const counts = bobs
      .filter((text) => text.startsWith(`${run}.`))
      .map((text) => Number(text.split(".")[1]));
    expect(counts).toEqual(Array.from({ length: counts.length }, (_, count) => count));
  }
  // A person's memory of what was shown may miss the very last line before a kill, never more.
  const noted = linesOf(shownFile).map((line) => line.split(" ")[1] ?? "");
  expect(new Set(noted).size).toBe(noted.length);
  const history = textsOf(await shownIn(bob.client, room));
  const alices = history.filter((text) => text.startsWith("a"));
  expect(alices).toEqual(written);
  expect(acknowledged.length).toBeGreaterThan(KILLS);
  console.log(
    `seed ${SEED}: ${acknowledged.length} of ${bobs.length} acknowledged before a kill, ${written.length} received, ${noted.length} shown`,
  );
});

interface Life {
  readonly job: Readonly<Record<string, unknown>>;
  readonly fromReady: boolean;
  readonly lifeMs: number;
}

async function liveAndDie({ job, fromReady, lifeMs }: Life): Promise<void> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  child.stdin.end(JSON.stringify(job));
  if (fromReady) await Promise.race([once(child.stdout, "data"), ended]);
  await delay(lifeMs);
  expect(child.exitCode, "the client lives until it is killed").toBeNull();
  child.kill("SIGKILL");
  await ended;
}

/** Alice goes on writing, slowly, whatever happens to Bob. */
function writeAllTheTime(device: SystemDevice, into: RoomId): { stop(): Promise<string[]> } {
  const texts: string[] = [];
  let isEnding = false;
  const running = (async () => {
    const opened = await device.client.room(into);
    while (!isEnding) {
      const text = `a${texts.length}`;
      texts.push(text);
      await (await opened.send(text)).stored;
      await delay(20);
    }
  })();
  running.catch(() => undefined);
  return {
    stop: async () => {
      isEnding = true;
      await running;
      return texts;
    },
  };
}

function linesOf(path: string): string[] {
  // A kill may cut the last line of a run: it was not noted.
  return readFileSync(path, "utf8").split("\n").filter(Boolean);
}
