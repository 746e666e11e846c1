import { expect, test } from "vitest";
import { type Counts, Soak } from "./support/soak.ts";

/**
 * Honest members under a bad sky, by seed: random adds, removes, updates and external joins,
 * messages delivered late, racing commits, crashes, lost disks, and a relay killed between
 * append and fence. More seeds: CLOISTER_SOAK_SEEDS=1000, from CLOISTER_SOAK_FIRST.
 */
const seedCount = Number(process.env["CLOISTER_SOAK_SEEDS"] ?? "24");
const firstSeed = Number(process.env["CLOISTER_SOAK_FIRST"] ?? "1");
const stepCount = Number(process.env["CLOISTER_SOAK_STEPS"] ?? "80");
const timeoutMs = 60_000 + seedCount * 5_000;

test("soak: one authenticator an epoch, and nothing acknowledged is unreadable", {
  timeout: timeoutMs,
}, () => {
  const counts: Counts = new Map();
  for (let seed = firstSeed; seed < firstSeed + seedCount; seed += 1) {
    try {
      new Soak(seed, counts).run(stepCount);
    } catch (cause) {
      throw new Error(`seed ${seed} fails`, { cause });
    }
  }
  console.log(JSON.stringify(Object.fromEntries(counts)));
  const mustHappen = [
    "accepted",
    "refused",
    "disk lost",
    "external join",
    "external join refused",
    "join by Welcome",
    "message stored",
    "race lost and healed",
    "refused behind the fence",
    "relay killed between append and fence",
    "remove",
    "resync",
    "sent twice",
  ];
  expect(mustHappen.filter((event) => (counts.get(event) ?? 0) === 0)).toEqual([]);
});
