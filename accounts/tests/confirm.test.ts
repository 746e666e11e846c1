import { setTimeout as sleep } from "node:timers/promises";
import { inboxPrefix } from "@cloister/proto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAccountPusher } from "../src/nats/account-pusher.ts";
import { fieldOf, gatherReplies } from "../src/nats/server-replies.ts";
import { TestBox } from "./fleet.ts";

let box: TestBox;
beforeAll(async () => {
  box = await TestBox.start(2);
});
afterAll(async () => {
  await box?.[Symbol.asyncDispose]();
});

test("a token counts as pushed when every server has it; a server that hangs makes it an error", async () => {
  const { connection, pair } = await box.link("accounts-system");
  const pusher = createAccountPusher({
    connection,
    inboxPrefix: inboxPrefix(pair.publicKey),
    timeoutMs: 1_000,
  });
  const account = box.facts.accounts.gateway;
  const jwt = box.facts.preload.get(account) ?? "";
  const isWhole = async () =>
    await pusher.push({ account, jwt }).then(
      () => true,
      () => false,
    );
  let active: unknown = 0;
  const countServers = async () => {
    await gatherReplies({
      connection,
      inboxPrefix: inboxPrefix(pair.publicKey),
      subject: "$SYS.REQ.SERVER.PING",
      payload: "",
      timeoutMs: 500,
      onReply: (reply) => {
        active = fieldOf(reply, "statsz", "active_servers");
        return true;
      },
    });
    return active;
  };
  // Until the servers have found each other, each counts itself alone.
  await expect.poll(countServers, { timeout: 20_000 }).toBe(2);
  expect(await isWhole()).toBe(true);

  const connected = connection.info?.server_name;
  const other = box.nodes.servers[connected === "box-0" ? 1 : 0];
  if (other?.pid === undefined) throw new Error("two servers");
  process.kill(other.pid, "SIGSTOP");
  try {
    await sleep(50);
    await expect(pusher.push({ account, jwt })).rejects.toMatchObject({
      code: "ERR_ACCOUNT_NOT_CONFIRMED",
      retryable: true,
      details: { expected: 2, answered: 1 },
    });
  } finally {
    process.kill(other.pid, "SIGCONT");
  }
  await expect.poll(isWhole, { timeout: 20_000 }).toBe(true);
});

test("a token that no operator of this fleet signed is refused by the servers, with a reason", async () => {
  const { connection, pair } = await box.link("accounts-system");
  const pusher = createAccountPusher({
    connection,
    inboxPrefix: inboxPrefix(pair.publicKey),
    timeoutMs: 1_000,
  });
  const account = box.facts.accounts.gateway;
  await expect(pusher.push({ account, jwt: "not.a.token" })).rejects.toMatchObject({
    code: "ERR_ACCOUNT_NOT_CONFIRMED",
    details: { reason: expect.any(String) },
  });
});
