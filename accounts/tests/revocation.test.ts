import { setTimeout as sleep } from "node:timers/promises";
import { newProjectId, newRoomId, type RoomId } from "@cloister/base";
import { roomTag } from "@cloister/proto";
import { encodeUserJwt, issueSecondsFor, type NkeyPair, parseNkey } from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AccountsService } from "../src/index.ts";
import { type ServiceLink, TestBox } from "./fleet.ts";
import { FoundedOrg } from "./founded-org.ts";
import { Device, Person, random } from "./org-forge.ts";

let box: TestBox;
let accounts: AccountsService;
let gateway: ServiceLink;
let relay: ServiceLink;

beforeAll(async () => {
  box = await TestBox.start();
  accounts = await box.startAccounts();
  gateway = await box.link("gateway");
  relay = await box.link("relay");
});
afterAll(async () => {
  await accounts?.[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

interface Scene {
  readonly org: FoundedOrg;
  readonly rooms: readonly RoomId[];
  readonly bob: Person;
}

/** An org with two rooms that Bob is in. */
async function scene(): Promise<Scene> {
  const org = await FoundedOrg.found(box, gateway, relay);
  const { forge } = org;
  const project = newProjectId(random);
  await org.submit(await forge.project(project));
  const rooms = [newRoomId(random), newRoomId(random)];
  for (const room of rooms) await org.submit(await forge.room(project, room));
  const bob = new Person();
  const invited = forge.invite(rooms);
  await org.submit(await invited.statement);
  await org.submit(await forge.accept(invited, bob));
  return { org, rooms, bob };
}

interface MemberOptions {
  readonly org: FoundedOrg;
  readonly rooms: readonly RoomId[];
  readonly issuedAtSeconds?: number;
  readonly signer?: NkeyPair<"account">;
}

/** Connects a device as a gateway lets it: a token for these rooms under the gateway's scoped key. */
async function connectMember(device: Device, options: MemberOptions): Promise<NatsConnection> {
  const issuedAtSeconds = options.issuedAtSeconds ?? Math.floor(Date.now() / 1000);
  const jwt = encodeUserJwt(
    {
      user: device.nkey.publicKey,
      account: parseNkey("account", options.org.natsAccount),
      name: "device",
      tags: options.rooms.map(roomTag),
      issuedAtSeconds,
      expiresAtSeconds: issuedAtSeconds + 3_600,
    },
    options.signer ?? options.org.gatewayKeys.nats,
  );
  return await box.connect({ pair: device.nkey, jwt, maxReconnectAttempts: 0 });
}

/** Milliseconds until the server cut the connection, from now on. */
async function cutAfter(connection: NatsConnection, limitMs = 5_000): Promise<number> {
  const started = performance.now();
  const cut = (async () => {
    for await (const status of connection.status()) {
      if (status.type === "disconnect" || status.type === "close") break;
    }
    return performance.now() - started;
  })();
  return await Promise.race([cut, sleep(limitMs, Number.POSITIVE_INFINITY)]);
}

test("[F25] what accounts issued lets a member's device connect, with its rooms and no more", async () => {
  const { org, rooms, bob } = await scene();
  const [room, other] = rooms;
  if (room === undefined || other === undefined) throw new Error("two rooms");
  const connection = await connectMember(bob.device, { org, rooms: [room] });
  const violations: string[] = [];
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === "error") violations.push(String(status.error));
    }
  })();
  connection.publish(`room.${other}.${bob.device.nkey.publicKey}`, "x");
  await connection.flush();
  await expect.poll(() => violations.join()).toContain(other);
  connection.publish(`room.${room}.${bob.device.nkey.publicKey}`, "x");
  await connection.flush();
  expect(violations.join()).not.toContain(room);
});

test("[F34] a revoked device's connection is cut within 1 s, and its token is of no use", async () => {
  const { org, rooms, bob } = await scene();
  const stolen = new Device(bob.account);
  await org.submit(await org.forge.certify(bob, stolen));
  const kept = await connectMember(bob.device, { org, rooms });
  const cut = await connectMember(stolen, { org, rooms });
  const statement = await org.forge.revoke(bob, stolen, bob.device);
  const waiting = cutAfter(cut);
  await org.submit(statement);
  const elapsedMs = await waiting;
  process.stderr.write(
    `revoked device cut ${Math.round(elapsedMs)} ms after its statement was sent\n`,
  );
  expect(elapsedMs).toBeLessThan(1_000);
  await expect(connectMember(stolen, { org, rooms })).rejects.toMatchObject({
    code: "ERR_NATS_AUTH",
  });
  expect(kept.isClosed()).toBe(false);
  await kept.flush();
});

test("a lost room cuts the running permission; the device comes back with what is left", async () => {
  const { org, rooms, bob } = await scene();
  const [lost, left] = rooms;
  if (lost === undefined || left === undefined) throw new Error("two rooms");
  const owner = await connectMember(org.forge.owner.device, { org, rooms: [] });
  const connection = await connectMember(bob.device, { org, rooms });
  const statement = await org.forge.role({ account: bob.account, room: lost, role: undefined });
  const waiting = cutAfter(connection);
  await org.submit(statement);
  const elapsedMs = await waiting;
  process.stderr.write(`lost room cut ${Math.round(elapsedMs)} ms after its statement was sent\n`);
  expect(elapsedMs).toBeLessThan(1_000);
  await expect(connectMember(bob.device, { org, rooms })).rejects.toMatchObject({
    code: "ERR_NATS_AUTH",
  });
  // A gateway that has read the loss issues tokens after it.
  const issuedAtSeconds = issueSecondsFor(org.forge.state, {
    user: bob.device.nkey.publicKey,
    nowSeconds: Math.floor(Date.now() / 1000),
  });
  const again = await connectMember(bob.device, { org, rooms: [left], issuedAtSeconds });
  await again.flush();
  expect(owner.isClosed()).toBe(false);
});

test("a gateway's key counts while the log authorises it: then its users are cut", async () => {
  const { org, rooms, bob } = await scene();
  const { key, natsSigningKey, nats } = org.gatewayKeys;
  const connection = await connectMember(bob.device, { org, rooms });
  const waiting = cutAfter(connection);
  await org.submit(await org.forge.gateway({ key, natsSigningKey, revoked: true }));
  expect(await waiting).toBeLessThan(1_000);
  await expect(connectMember(bob.device, { org, rooms, signer: nats })).rejects.toMatchObject({
    code: "ERR_NATS_AUTH",
  });
});

test("a token of another org's gateway does not connect", async () => {
  const first = await scene();
  const second = await scene();
  const { org, rooms, bob } = first;
  await expect(
    connectMember(bob.device, { org, rooms, signer: second.org.gatewayKeys.nats }),
  ).rejects.toMatchObject({ code: "ERR_NATS_AUTH" });
});

test("statements that concern no permission cut nobody", async () => {
  const { org, rooms, bob } = await scene();
  const connection = await connectMember(bob.device, { org, rooms });
  await org.submit(await org.forge.project());
  const newcomer = org.forge.invite(rooms);
  await org.submit(await newcomer.statement);
  await sleep(200);
  expect(connection.isClosed()).toBe(false);
});

test("[F27] with accounts stopped a device's token still connects", async () => {
  const { org, rooms, bob } = await scene();
  await accounts[Symbol.asyncDispose]();
  try {
    const connection = await connectMember(bob.device, { org, rooms });
    await connection.flush();
    const { orgId } = org;
    const statement = await org.forge.project();
    await expect(gateway.call("Submit", { orgId, statement })).rejects.toMatchObject({
      kind: "Transport",
      retryable: true,
    });
  } finally {
    accounts = await box.startAccounts();
  }
});
