import { afterAll, beforeAll, expect, test } from "vitest";
import { SystemBox } from "../src/system-box.ts";
import { meet, SystemOrg } from "../src/system-org.ts";
import { shownIn, textsOf, until } from "../src/system-shown.ts";

let box: SystemBox;
let org: SystemOrg;

beforeAll(async () => {
  box = await SystemBox.start();
  org = await SystemOrg.found(box);
});

afterAll(async () => {
  await org?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

test("the second device of an account reads and writes, each word shown once to every device", async () => {
  const room = await org.createRoom("two devices");
  const bob = await org.invite("Bob", [room]);
  await meet(room, [org.owner, bob]);
  const tablet = await org.addDevice(bob, "Bob's tablet");
  await (await (await tablet.client.room(room)).send("from the tablet")).stored;
  await (await (await org.owner.client.room(room)).send("to all")).stored;
  for (const device of [org.owner, bob, tablet]) {
    const shown = async () => textsOf(await shownIn(device.client, room));
    await until(`${device.name} reads both`, async () => (await shown()).includes("to all"));
    const texts = (await shown()).filter((text) => ["from the tablet", "to all"].includes(text));
    expect(texts).toEqual(["from the tablet", "to all"]);
  }
});
