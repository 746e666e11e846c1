import { setTimeout as sleep } from "node:timers/promises";
import { newProjectId } from "@cloister/base";
import { appendRecord, bodies, type LogReplica, openReplica, orgScope } from "@cloister/rules";
import { LogFollower, memberRules } from "@cloister/server-kit";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AccountsService } from "../src/index.ts";
import { type ServiceLink, TestBox } from "./fleet.ts";
import { FoundedOrg } from "./founded-org.ts";
import { Person, random } from "./org-forge.ts";

let box: TestBox;
let processes: AccountsService[] = [];
let gateway: ServiceLink;
let relay: ServiceLink;
let follower: ServiceLink;

beforeAll(async () => {
  box = await TestBox.start();
  processes = [await box.startAccounts(), await box.startAccounts()];
  gateway = await box.link("gateway");
  relay = await box.link("relay");
  follower = await box.link("gateway-log");
});
afterAll(async () => {
  for (const running of processes) await running[Symbol.asyncDispose]();
  await box?.[Symbol.asyncDispose]();
});

/** Every stored record of the org, by whom may only read the log. */
async function storedRecords(org: string): Promise<Uint8Array[]> {
  const manager = await jetstreamManager(follower.connection, { checkAPI: false });
  const records: Uint8Array[] = [];
  const next_by_subj = `log.${org}`;
  let seq = 1;
  for (;;) {
    const message = await manager.direct.getMessage("LOG", { seq, next_by_subj });
    if (message === null) return records;
    records.push(Uint8Array.from(message.data));
    seq = message.seq + 1;
  }
}

function replay(records: readonly Uint8Array[]): LogReplica {
  const [record, ...rest] = records;
  if (record === undefined) throw new Error("the log is empty");
  return rest.reduce(appendRecord, openReplica({ record }));
}

test("what the rules refuse is not appended", async () => {
  const org = await FoundedOrg.found(box, gateway, relay);
  const before = (await storedRecords(org.forge.org)).length;
  const member = new Person();
  const invited = org.forge.invite();
  await org.submit(await invited.statement);
  await org.submit(await org.forge.accept(invited, member));
  const { account } = member;
  const makeOwner = bodies.roleSet({ scope: orgScope, account, role: "owner" });
  const newProject = bodies.projectCreated({ project: newProjectId(random), name: "Mine" });
  const stranger = new Person();

  const good = await org.forge.project();
  const flipped = Uint8Array.from(good);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  const { forge } = org;
  const refusals = [
    {
      statement: await forge.unchecked(makeOwner, member.device),
      code: "ERR_POLICY_STATEMENT_RIGHT",
    },
    {
      statement: await forge.unchecked(newProject, member.device),
      code: "ERR_POLICY_STATEMENT_RIGHT",
    },
    {
      statement: await forge.unchecked(newProject, stranger.device),
      code: "ERR_VERIFICATION_STATEMENT_SIGNER",
    },
    { statement: flipped, code: "ERR_VERIFICATION_STATEMENT_SIGNATURE" },
    { statement: Uint8Array.of(1, 2, 3), code: "ERR_MESSAGE_MALFORMED" },
    {
      statement: await org.forge.genesis(random.bytes(32)),
      code: "ERR_VERIFICATION_STATEMENT_UNKNOWN",
    },
  ];
  for (const { statement, code } of refusals) {
    await expect(org.submit(statement)).rejects.toMatchObject({ code });
  }
  const other = await FoundedOrg.found(box, gateway, relay);
  await expect(other.submit(good)).rejects.toMatchObject({ kind: "Verification" });
  expect(await storedRecords(org.forge.org)).toHaveLength(before + 2);

  await org.submit(good);
  // The same bytes count once; the same statement signed anew is a replay.
  expect(await org.link.call("Submit", { orgId: org.orgId, statement: good })).toMatchObject({
    position: BigInt(before + 2),
  });
  expect(await storedRecords(org.forge.org)).toHaveLength(before + 3);
});

test("an unknown org is told so", async () => {
  const orgId = random.bytes(32);
  await expect(
    gateway.call("Submit", { orgId, statement: Uint8Array.of(1) }),
  ).rejects.toMatchObject({ code: "ERR_ORG_UNKNOWN" });
});

test("two processes race 200 submits: one linear valid log without a gap", async () => {
  const org = await FoundedOrg.found(box, gateway, relay);
  const before = (await storedRecords(org.forge.org)).length;
  // Independent of each other: each makes a project of its own against the same head.
  const statements = await Promise.all(Array.from({ length: 200 }, () => org.forge.project()));
  const { orgId } = org;
  const started = performance.now();
  const answers = await Promise.all(
    statements.map((statement) => gateway.call("Submit", { orgId, statement })),
  );
  const elapsedMs = performance.now() - started;
  const positions = answers.map(({ position }) => Number(position)).sort((a, b) => a - b);
  expect(positions).toEqual(Array.from({ length: 200 }, (_, index) => before + index));
  const records = await storedRecords(org.forge.org);
  const replica = replay(records);
  expect(replica.size).toBe(before + 200);
  expect(replica.state.projects.size).toBe(200);
  for (const { position, logRecord } of answers) {
    expect(Buffer.from(records[Number(position)] ?? []).equals(logRecord)).toBe(true);
  }
  const times = replica.state.entries.map((entry) => entry.timeMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  process.stderr.write(`200 submits by two processes: ${Math.round(elapsedMs)} ms\n`);
});

test("log time never goes back when a clock does", async () => {
  const org = await FoundedOrg.found(box, gateway, relay);
  const [first] = processes.splice(0, processes.length).map(async (running) => {
    await running[Symbol.asyncDispose]();
  });
  await first;
  const behind = await box.startAccounts(
    {},
    { clock: { now: () => (Date.now() - 600_000) as never } },
  );
  processes = [behind];
  await org.submit(await org.forge.project());
  const [last, previous] = org.forge.state.entries.toReversed();
  expect(last?.timeMs).toBeGreaterThanOrEqual(previous?.timeMs ?? Number.MAX_SAFE_INTEGER);
});

test("nats-server killed in the middle: nothing acknowledged is lost, each statement counts once", async () => {
  const org = await FoundedOrg.found(box, gateway, relay);
  const { orgId } = org;
  const statements = await Promise.all(Array.from({ length: 60 }, () => org.forge.project()));
  const acknowledged = new Map<number, Uint8Array>();
  const submitAll = () =>
    Promise.all(
      statements.map(async (statement, index) => {
        const answer = await gateway.call("Submit", { orgId, statement }).catch(() => undefined);
        if (answer !== undefined) acknowledged.set(index, answer.logRecord);
      }),
    );
  const first = submitAll();
  while (acknowledged.size < 5) await sleep(1);
  await box.server.kill();
  await sleep(100);
  await box.server.start();
  await first;
  const early = acknowledged.size;
  const deadline = Date.now() + 60_000;
  while (acknowledged.size < statements.length && Date.now() < deadline) {
    await sleep(250);
    await submitAll();
  }
  expect(acknowledged.size).toBe(statements.length);
  const records = await storedRecords(org.forge.org);
  const replica = replay(records);
  expect(replica.state.projects.size).toBe(statements.length);
  const stored = new Set(records.map((record) => Buffer.from(record).toString("base64")));
  for (const record of acknowledged.values()) {
    expect(stored.has(Buffer.from(record).toString("base64"))).toBe(true);
  }
  process.stderr.write(
    `acknowledged before and across the kill: ${early} of ${statements.length}\n`,
  );
}, 120_000);

test("the log's followers read it and can neither write, delete nor purge", async () => {
  const org = await FoundedOrg.found(box, gateway, relay);
  const { connection } = follower;
  const before = (await storedRecords(org.forge.org)).length;
  const record = (await storedRecords(org.forge.org))[0] ?? new Uint8Array(0);
  connection.publish(`log.${org.forge.org}`, record);
  await connection.flush();
  const manager = await jetstreamManager(connection, { checkAPI: false });
  await expect(manager.streams.purge("LOG")).rejects.toBeInstanceOf(Error);
  await expect(manager.streams.delete("LOG")).rejects.toBeInstanceOf(Error);
  const writer = await jetstreamManager((await box.link("accounts-log")).connection);
  await expect(writer.streams.purge("LOG")).rejects.toBeInstanceOf(Error);
  await expect(writer.streams.deleteMessage("LOG", 1)).rejects.toBeInstanceOf(Error);
  await expect(writer.streams.delete("LOG")).rejects.toBeInstanceOf(Error);
  expect(await storedRecords(org.forge.org)).toHaveLength(before);
});

test("what no log signed is skipped on its subject, and a follower cannot put it there", async () => {
  const troubles: unknown[] = [];
  await using followed = new LogFollower({
    connection: follower.connection,
    rules: memberRules(),
    onTrouble: (trouble) => troubles.push(trouble),
  });
  const org = await FoundedOrg.found(box, gateway, relay);
  const other = await FoundedOrg.found(box, gateway, relay);
  const { connection } = follower;
  const reply = `log.${org.forge.org}`;
  const before = (await storedRecords(org.forge.org)).length;
  // The reply trick: the answers of the server go nowhere.
  for (const target of [reply, "$JS.API.STREAM.DELETE.LOG"]) {
    connection.publish("$JS.API.STREAM.INFO.LOG", "", { reply: target });
    connection.publish("$JS.API.DIRECT.GET.LOG", JSON.stringify({ seq: 1 }), { reply: target });
  }
  await connection.flush();
  const info = { reply, subject: "$JS.API.STREAM.INFO.LOG" };
  // Genuine records of this and of another org, once more: by whoever could write them there.
  const writer = await box.link("accounts-log");
  writer.connection.publish(info.subject, "", { reply: info.reply });
  for (const source of [org, other]) {
    const [record = new Uint8Array(0)] = await storedRecords(source.forge.org);
    writer.connection.publish(reply, record);
  }
  await expect.poll(async () => (await storedRecords(org.forge.org)).length).toBe(before + 3);
  const position = await org.submit(await org.forge.project());
  expect(position).toBe(BigInt(before));
  const size = before + 1;
  const replica = await followed.waitForSize(org.forge.org, size, { timeoutMs: 5_000 });
  expect(replica.size).toBe(size);
  expect(troubles).toHaveLength(3);
  // And a process that reads the log anew.
  await using _another = await box.startAccounts();
  await org.submit(await org.forge.project());
});

test("a follower replays what is appended, while it is appended", async () => {
  const troubles: unknown[] = [];
  const { connection } = await box.link("relay-log");
  await using followed = new LogFollower({
    connection,
    rules: memberRules(),
    onTrouble: (trouble) => troubles.push(trouble),
  });
  await followed.ready;
  const org = await FoundedOrg.found(box, gateway, relay);
  await org.submit(await org.forge.project());
  const size = org.forge.state.entries.length;
  const started = performance.now();
  const replica = await followed.waitForSize(org.forge.org, size, { timeoutMs: 5_000 });
  process.stderr.write(`follower behind by ${Math.round(performance.now() - started)} ms\n`);
  expect(replica.state.projects.size).toBe(1);
});
