import type { RoomId } from "@cloister/base";
import { isCloisterError } from "@cloister/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SystemBox } from "../src/system-box.ts";
import type { SystemDevice } from "../src/system-device.ts";
import { meet, SystemOrg } from "../src/system-org.ts";
import { inTime, shownIn, textsOf, until } from "../src/system-shown.ts";

let box: SystemBox;
let org: SystemOrg;
let bob: SystemDevice;
let room: RoomId;

beforeAll(async () => {
  box = await SystemBox.start();
  org = await SystemOrg.found(box);
  room = await org.createRoom("goes on");
  bob = await org.invite("Bob", [room]);
  await meet(room, [org.owner, bob]);
});

afterAll(async () => {
  await org?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

function standing(): string {
  return [org.owner, bob].map((device) => device.standing()).join("\n");
}

async function say(from: SystemDevice, to: SystemDevice, text: string): Promise<void> {
  const opened = await inTime(`${from.name} is in`, from.client.room(room), { standing });
  const { stored } = await opened.send(text);
  await inTime(`"${text}" is stored`, stored, { timeoutMs: 15_000, standing });
  await until(`${to.name} reads "${text}"`, async () =>
    textsOf(
      await inTime("it shows", shownIn(to.client, room), { standing, timeoutMs: 15_000 }),
    ).includes(text),
  );
}

describe("with accounts down", () => {
  test("[F27] sign-in, decision, NATS token and messages go on; a statement waits with a typed error, and is taken afterwards", async () => {
    await box.killRole("accounts");
    try {
      await bob.close();
      await bob.open();
      expect(bob.client.decisions().find(({ allowed }) => allowed)).toBeDefined();
      await say(bob, org.owner, "signed in without accounts");
      await say(org.owner, bob, "read without accounts");
      const refused = org.owner.client.org.createProject("Later");
      await expect(refused).rejects.toSatisfy(
        (error) => isCloisterError(error) && error.retryable && error.kind === "Transport",
      );
    } finally {
      await box.startRole("accounts");
    }
    await until("a statement is taken again", () =>
      org.owner.client.org.createProject("Later").then(
        () => true,
        () => false,
      ),
    );
  });
});

describe("with the gateway down", () => {
  test("who is connected goes on; who signs in is told by a typed error, and comes in afterwards", async () => {
    const carol = await org.invite("Carol", [room]);
    await carol.client.room(room);
    await carol.close();
    await box.killRole("gateway");
    try {
      await say(bob, org.owner, "without a gateway");
      await say(org.owner, bob, "neither here");
      await expect(carol.open()).rejects.toSatisfy(
        (error) => isCloisterError(error) && error.retryable,
      );
    } finally {
      await box.startRole("gateway");
    }
    await carol.close();
    await carol.open();
    await say(carol, org.owner, "in again");
    await carol.close();
  });
});

describe("with the Delivery Service down", () => {
  test("messages go on, a commit waits; all is well after its start", async () => {
    await box.killRole("relay");
    const opened = await org.owner.client.room(room);
    let hasRenewed = false;
    let renewing: Promise<void>;
    try {
      await say(bob, org.owner, "without the Delivery Service");
      const before = opened.status().epoch;
      renewing = opened.renewKeys().then(() => {
        hasRenewed = true;
      });
      await say(bob, org.owner, "while a commit waits");
      expect(opened.status().epoch).toBe(before);
      expect(hasRenewed).toBe(false);
    } finally {
      await box.startRole("relay");
    }
    await inTime("the commit is made", renewing, { standing });
    await say(org.owner, bob, "in the new epoch");
    await say(bob, org.owner, "both of us");
    const dave = await org.invite("Dave", [room]);
    await say(dave, bob, "and whoever comes");
  });
});
