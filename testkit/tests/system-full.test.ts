import { afterAll, beforeAll, expect, test } from "vitest";
import { SystemBox } from "../src/system-box.ts";
import { meet, SystemOrg } from "../src/system-org.ts";
import { inTime, shownIn, textsOf, until } from "../src/system-shown.ts";

const SMALL_BYTES = 2 * 1024 * 1024;
const LARGE_BYTES = 64 * 1024 * 1024;
const TEXT = "x".repeat(200_000);

let box: SystemBox;
let org: SystemOrg;

beforeAll(async () => {
  box = await SystemBox.start({
    environment: { relay: { CLOISTER_RELAY_ROOMS_BYTES: String(SMALL_BYTES) } },
  });
  org = await SystemOrg.found(box);
});

afterAll(async () => {
  await org?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

test("a full stream refuses and drops nothing: the outbox keeps, says so, and goes on once there is room", {
  timeout: 120_000,
}, async () => {
  const room = await org.createRoom("full");
  const bob = await org.invite("Bob", [room]);
  await meet(room, [org.owner, bob]);
  const opened = await bob.client.room(room);
  const sent = [];
  for (let count = 0; count < 14; count += 1) sent.push(await opened.send(`${count} ${TEXT}`));
  const last = sent.at(-1);
  if (last === undefined) throw new Error("nothing was sent");
  await until("the outbox says that the stream is full", () => {
    const state = opened.messageState(last.id);
    return state?.kind === "waiting" && state.reason.kind === "stream-full";
  });
  expect(opened.status().queuedMessages).toBeGreaterThan(0);
  await bob.close();
  await box.restartRole("relay", { CLOISTER_RELAY_ROOMS_BYTES: String(LARGE_BYTES) });
  await inTime("Bob comes back", bob.open());
  const again = await bob.client.room(room);
  await inTime("everything is stored", again.flushed(), {
    timeoutMs: 60_000,
    standing: () => bob.standing(),
  });
  const shown = async () =>
    textsOf(await shownIn(org.owner.client, room)).flatMap((text) =>
      text.endsWith(TEXT) ? [text.split(" ")[0]] : [],
    );
  await until("Alice reads the last", async () => (await shown()).includes("13"), 60_000);
  expect(await shown()).toEqual(Array.from({ length: 14 }, (_, count) => String(count)));
});
