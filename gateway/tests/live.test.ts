import { idBytes } from "@cloister/base";
import { nkeyBytes, parseAccountNkey, roomSubject } from "@cloister/proto";
import { bodies, roomScope } from "@cloister/rules";
import { firstDevice, type TestAccount } from "@cloister/rules/testing";
import { NkeyPair } from "@cloister/server-kit";
import { Violations } from "@cloister/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refusal, TestClient } from "./support/http-client.ts";
import { LiveBox } from "./support/live-box.ts";
import { LiveOrg } from "./support/live-org.ts";

let box: LiveBox;
let client: TestClient;
let org: LiveOrg;
let bob: TestAccount;
let gateway: Awaited<ReturnType<LiveBox["startGatewayProcess"]>>;

beforeAll(async () => {
  box = await LiveBox.start();
  await box.startAccounts();
  const relayKey = crypto.getRandomValues(new Uint8Array(32));
  const { publicKey } = NkeyPair.generate("account");
  await box.announceRelay({ relayKey, natsSigningKey: nkeyBytes(parseAccountNkey(publicKey)) });
  gateway = await box.startGatewayProcess();
  client = new TestClient({ port: box.gatewayPort, caPem: box.caPem });
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await box?.[Symbol.asyncDispose]();
});

describe("with the real accounts, and the gateway as a process of its own", () => {
  test("an org is founded, somebody joins, and connects to the room that an owner gave", async () => {
    org = await LiveOrg.found(client, await box.claim());
    bob = await org.join();
    const room = await org.createRoom([bob]);
    const other = await org.createRoom();
    const session = await org.signIn(bob);
    const { natsJwt, decisions } = await client.call("Connect", { roomIds: [] }, session);
    expect(decisions.map(({ allowed }) => allowed)).toEqual([true]);
    const pair = NkeyPair.fromSeedBytes("user", firstDevice(bob).nkeySeed);
    const connection = await box.connect(natsJwt, pair);
    const violations = new Violations({ connection, pair, jwt: natsJwt });
    expect(await violations.refusesPublish(roomSubject(room, pair.publicKey))).toBe(false);
    // [F49] Another room of the same org.
    expect(await violations.refusesPublish(roomSubject(other, pair.publicKey))).toBe(true);
  });

  test("[F12] a user who is no owner of the room gets nobody in; after removal no one connects", async () => {
    const room = await org.createRoom([bob]);
    const scope = roomScope(room);
    await org.submit(bodies.roleSet({ scope, account: bob.id, role: undefined }));
    const session = await org.signIn(bob);
    const work = client.call("Connect", { roomIds: [idBytes(room)] }, session);
    expect(await refusal(work)).toMatchObject({
      kind: "Policy",
      message: "membership: no role in the room",
    });
  });

  test("[F27] with accounts stopped: sessions, decisions and NATS tokens go on", async () => {
    const room = await org.createRoom([bob]);
    await box.stopAccounts();
    const session = await org.signIn(bob);
    const { natsJwt } = await client.call("Connect", { roomIds: [idBytes(room)] }, session);
    const pair = NkeyPair.fromSeedBytes("user", firstDevice(bob).nkeySeed);
    await (await box.connect(natsJwt, pair)).flush();
    const body = bodies.roleSet({ scope: roomScope(room), account: bob.id, role: undefined });
    expect(await refusal(org.submit(body))).toMatchObject({
      code: "ERR_ACCOUNTS_UNAVAILABLE",
      retryable: true,
    });
    await box.startAccounts();
    await org.submit(body);
    expect(
      (await refusal(client.call("Connect", { roomIds: [idBytes(room)] }, session))).kind,
    ).toBe("Policy");
  });

  test("a restarted gateway has lost nothing; it stops cleanly and tells no secret", async () => {
    const room = await org.createRoom([bob]);
    const session = await org.signIn(bob);
    expect(await gateway.stop()).toBe(0);
    gateway = await box.startGatewayProcess();
    await client.call("Connect", { roomIds: [idBytes(room)] }, session);
    expect(await gateway.stop()).toBe(0);
    expect(gateway.log()).toContain('"message":"ready"');
    expect(gateway.log()).not.toMatch(/eyJ|SA[A-Z2-7]{20}|SU[A-Z2-7]{20}/);
  });
});
