import { setTimeout as delay } from "node:timers/promises";
import { formatHex, type MessageId, parseHex, type RoomId } from "@cloister/base";
import type { Client } from "@cloister/client-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SystemBox } from "../src/system-box.ts";
import type { SystemDevice } from "../src/system-device.ts";
import { SystemOrg } from "../src/system-org.ts";
import { SeededRandom } from "../src/system-random.ts";
import { Reader, until } from "../src/system-shown.ts";

const SEED = Number(process.env["SYSTEM_SOAK_SEED"] ?? 1);
const RUN_MS = 60_000;
const TURN_MS = 40;
/** Of a hundred turns: changes of membership, then renewals of keys; the rest are messages. */
const CHANGES = Number(process.env["SYSTEM_SOAK_CHANGES"] ?? 3);
const RENEWALS = CHANGES;
const UNDER_WAY_MS = 5_000;
/** Who loses a role waits seconds for his next token: more than these would still wait at the end. */
const MAX_CHANGES_DUE = 3;

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

interface Person {
  readonly name: string;
  readonly devices: readonly SystemDevice[];
  /** By the log: rooms that he may be in now. */
  readonly rooms: Set<RoomId>;
}

/** What a device's sender was told is stored, and who was a member, unchanged, from before to after. */
interface Acknowledged {
  readonly id: MessageId;
  readonly room: RoomId;
  readonly entitled: readonly SystemDevice[];
  readonly atMs: number;
}

/** Everything that the run did and was shown. */
class Run {
  readonly random = new SeededRandom(SEED);
  readonly acknowledged: Acknowledged[] = [];
  readonly readers = new Map<SystemDevice, Map<RoomId, Reader>>();
  /** What each call that has not ended is. */
  readonly pending = new Map<Promise<void>, string>();
  readonly problems: string[] = [];
  readonly joined = new Map<string, number>();
  readonly people: readonly Person[];
  readonly rooms: readonly RoomId[];
  readonly groups: ReadonlyMap<RoomId, Uint8Array>;
  readonly #left = new Map<string, readonly number[]>();
  readonly #leaving = new Map<string, (() => void)[]>();
  /** What the rooms told their readers, in order. */
  readonly told: string[] = [];
  sends = 0;
  changes = 0;
  changesDue = 0;

  constructor(people: readonly Person[], groups: ReadonlyMap<RoomId, Uint8Array>) {
    this.people = people;
    this.groups = groups;
    this.rooms = [...groups.keys()];
  }

  /** Who loses his role right after need not get it any more: the relay cuts what is under way. */
  leftSoonAfter({ room, atMs }: Acknowledged, device: SystemDevice): boolean {
    const left = this.#left.get(keyOf(device, room)) ?? [];
    return left.some((leftMs) => leftMs >= atMs && leftMs < atMs + UNDER_WAY_MS);
  }

  onLeave(device: SystemDevice, room: RoomId, then: () => void): void {
    const key = keyOf(device, room);
    this.#leaving.set(key, [...(this.#leaving.get(key) ?? []), then]);
  }

  leave(device: SystemDevice, room: RoomId): void {
    const key = keyOf(device, room);
    this.joined.delete(key);
    this.#left.set(key, [...(this.#left.get(key) ?? []), performance.now()]);
    for (const then of this.#leaving.get(key) ?? []) then();
    this.#leaving.delete(key);
  }

  /** Where each device stands: what a failure is understood from. */
  standing(): string {
    const lines = this.people.flatMap(({ devices }) =>
      devices.flatMap(({ name, client }) => [
        `${name}: ${JSON.stringify(client.state())}`,
        ...client
          .rooms()
          .map(
            ({ id, phase, epoch, role, queuedMessages, setAsideRecords, skippedRecords }) =>
              `  ${id} ${JSON.stringify(phase)} epoch ${epoch} role ${role} queued ${queuedMessages} aside ${setAsideRecords} skipped ${skippedRecords}`,
          ),
      ]),
    );
    return [...lines, ...this.told.slice(-60), ...this.pending.values()].join("\n");
  }

  /** Devices that have been in the room without a break since before now. */
  inside(room: RoomId): SystemDevice[] {
    return this.people
      .filter(({ rooms }) => rooms.has(room))
      .flatMap(({ devices }) => devices)
      .filter((device) => this.joined.has(keyOf(device, room)));
  }
}

function keyOf(device: SystemDevice, room: RoomId): string {
  return `${device.name} ${room}`;
}

test("[F45] 4 people with 2 devices each, 2 rooms, joins, leaves, sends: each acknowledged message is shown once to each member, and all are in one epoch", {
  timeout: RUN_MS + 240_000,
}, async () => {
  const groups = new Map<RoomId, Uint8Array>();
  for (const name of ["one", "two"]) {
    const room = await org.createRoom(name);
    const made = org.owner.engine.groups().map((group) => formatHex(group));
    const known = new Set([...groups.values()].map(formatHex));
    const group = made.find((id) => !known.has(id));
    if (group === undefined) throw new Error("the room has no group");
    groups.set(room, parseHex(group));
  }
  const rooms = [...groups.keys()];
  const people = await gather(rooms);
  const run = new Run(people, groups);
  for (const { devices } of people) for (const device of devices) listen(run, device);
  for (const { devices } of people) {
    for (const device of devices) for (const room of rooms) await enter(run, device, room);
  }
  const end = performance.now() + RUN_MS;
  while (performance.now() < end) {
    step(run);
    await delay(TURN_MS);
  }
  await settle(run);
  if (run.problems.length === 0) await checkShown(run);
  if (run.problems.length === 0) await checkEpochs(run);
  expect(run.problems).toEqual([]);
  // Everybody here is honest: nothing that the relay took is void to any of them.
  expect(run.told.filter((line) => line.includes("void-handshake"))).toEqual([]);
  expect(run.changes).toBeGreaterThan(5);
  expect(run.acknowledged.length).toBeGreaterThan(100);
  console.log(
    `soak, seed ${SEED}: ${run.sends} sent, ${run.acknowledged.length} acknowledged, ${run.changes} changes of membership`,
  );
});

/** Notes what a device is told: gaps, forks, void handshakes. */
function listen(run: Run, { name, client }: SystemDevice): void {
  void (async () => {
    for await (const event of client.events()) {
      if (event.kind === "state" && event.state.kind === "offline") {
        run.told.push(`${name} is offline: ${event.state.reason}`);
      }
      if (event.kind !== "notice") continue;
      const text = JSON.stringify(event.notice, (_, value: unknown) =>
        typeof value === "bigint" ? String(value) : value,
      );
      run.told.push(`${name} in ${event.room}: ${text}`);
    }
  })();
}

async function gather(rooms: readonly RoomId[]): Promise<Person[]> {
  const people: Person[] = [];
  for (const name of ["Alice", "Bob", "Carol", "Dave"]) {
    const first = name === "Alice" ? org.owner : await org.invite(name, rooms);
    const second = await org.addDevice(first, `${name} 2`);
    people.push({ name, devices: [first, second], rooms: new Set(rooms) });
  }
  return people;
}

async function enter(run: Run, device: SystemDevice, room: RoomId): Promise<void> {
  await device.client.room(room);
  run.joined.set(keyOf(device, room), performance.now());
  const readers = run.readers.get(device) ?? new Map<RoomId, Reader>();
  run.readers.set(device, readers);
  if (!readers.has(room)) readers.set(room, Reader.follow(device.client, room));
}

function step(run: Run): void {
  const { random } = run;
  const dice = random.below(100);
  if (dice < CHANGES) {
    if (run.changesDue < MAX_CHANGES_DUE) spawn(run, changeMembership);
  } else if (dice < CHANGES + RENEWALS) spawn(run, renew);
  else if (run.pending.size < 200) spawn(run, send);
}

type Say = (what: string) => void;

function spawn(run: Run, act: (run: Run, say: Say) => Promise<void>): void {
  let what = act.name;
  const say = (more: string): void => {
    what = `${act.name} ${more}`;
    if (run.pending.has(done)) run.pending.set(done, what);
  };
  const done: Promise<void> = Promise.resolve()
    .then(() => act(run, say))
    .catch((error: unknown) => {
      run.problems.push(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
    })
    .finally(() => run.pending.delete(done));
  run.pending.set(done, what);
}

async function send(run: Run, say: Say): Promise<void> {
  const room = run.random.pick(run.rooms);
  const inside = run.inside(room);
  if (inside.length === 0) return;
  const device = run.random.pick(inside);
  const entitledBefore = new Map(inside.map((one) => [one, run.joined.get(keyOf(one, room))]));
  run.sends += 1;
  say(`${run.sends} of ${device.name} in ${room}`);
  try {
    const sent = await (await device.client.room(room)).send(`${run.sends}`);
    say(`${run.sends} of ${device.name} in ${room}: queued`);
    const left = new Promise<false>((resolve) => run.onLeave(device, room, () => resolve(false)));
    // Who is removed before his message is stored keeps it: nothing was acknowledged.
    const isStored = await Promise.race([sent.stored.then(() => true), left]);
    if (!isStored) return;
    const entitled = run
      .inside(room)
      .filter((one) => entitledBefore.get(one) === run.joined.get(keyOf(one, room)));
    run.acknowledged.push({ id: sent.id, room, entitled, atMs: performance.now() });
  } catch (error) {
    // Who was removed meanwhile is told so, and nothing was acknowledged to him.
    if (run.inside(room).includes(device)) throw error;
  }
}

async function renew(run: Run, say: Say): Promise<void> {
  const room = run.random.pick(run.rooms);
  const inside = run.inside(room);
  if (inside.length === 0) return;
  const device = run.random.pick(inside);
  say(`${device.name} in ${room}`);
  try {
    await (await device.client.room(room)).renewKeys();
  } catch (error) {
    if (run.inside(room).includes(device)) throw error;
  }
}

function phaseOf(client: Client, room: RoomId): string | undefined {
  return client.rooms().find(({ id }) => id === room)?.phase.kind;
}

let changing: Promise<void> = Promise.resolve();

/** One after the other, as an owner does it; the rooms go on meanwhile. */
function changeMembership(run: Run, say: Say): Promise<void> {
  run.changesDue += 1;
  const change = changing
    .then(() => changeOne(run, say))
    .finally(() => {
      run.changesDue -= 1;
    });
  // One that fails is told by its caller, and must not keep the next from being tried.
  changing = change.catch(() => undefined);
  return change;
}

async function changeOne(run: Run, say: Say): Promise<void> {
  const [alice, ...others] = run.people;
  const person = run.random.pick(others);
  const room = run.random.pick(run.rooms);
  const account = person.devices[0]?.client.accountId;
  if (alice === undefined || account === undefined) return;
  const scope = { kind: "room", room } as const;
  const owner = org.owner.client.org;
  run.changes += 1;
  if (person.rooms.has(room)) {
    person.rooms.delete(room);
    for (const device of person.devices) run.leave(device, room);
    say(`${person.name} leaves ${room}`);
    await owner.setRole({ scope, account, role: undefined });
    // Out of the group too: who comes back sooner may be removed by who has not heard of it yet.
    say(`${person.name} is to be removed from ${room}`);
    await until(`${person.name} is out of ${room}`, () =>
      person.devices.every(({ client }) => phaseOf(client, room) === "removed"),
    );
    return;
  }
  say(`${person.name} gets a role in ${room}`);
  await owner.setRole({ scope, account, role: "user" });
  person.rooms.add(room);
  for (const device of person.devices) {
    say(`${device.name} refreshes for ${room}`);
    await device.client.refresh();
    say(`${device.name} enters ${room}`);
    await enter(run, device, room);
  }
}

/** Everybody who may be in is in, and everything is sent and read. */
async function settle(run: Run): Promise<void> {
  await until("every call has ended", () => run.pending.size === 0, 45_000).catch((error: Error) =>
    run.problems.push(`${error.message}\n${run.standing()}`),
  );
  if (run.problems.length > 0) return;
  for (const room of run.rooms) {
    for (const device of run.inside(room)) {
      await (await (await device.client.room(room)).send("last")).stored;
    }
  }
}

async function checkShown(run: Run): Promise<void> {
  for (const message of run.acknowledged) {
    const { id, room } = message;
    const entitled = message.entitled.filter((device) => !run.leftSoonAfter(message, device));
    for (const device of entitled) {
      const reader = run.readers.get(device)?.get(room);
      const isHere = (): boolean => reader?.shown.some((one) => one.id === id) === true;
      if (!isHere()) {
        await until(`${id} on ${device.name}`, isHere, 15_000).catch((error: Error) =>
          run.problems.push(error.message),
        );
      }
    }
    if (run.problems.length > 5) break;
  }
  if (run.problems.length > 0) run.problems.push(run.standing());
  for (const [device, readers] of run.readers) {
    for (const reader of readers.values()) {
      if (reader.error !== undefined) run.problems.push(`${device.name}: ${reader.error.message}`);
      const ids = reader.shown.map(({ id }) => id);
      if (new Set(ids).size !== ids.length) run.problems.push(`${device.name} was shown one twice`);
    }
  }
}

async function checkEpochs(run: Run): Promise<void> {
  for (const room of run.rooms) {
    const epochs = (): (bigint | undefined)[] =>
      run.inside(room).map((device) => device.client.rooms().find(({ id }) => id === room)?.epoch);
    await until(`one epoch in ${room}`, () => new Set(epochs()).size === 1, 20_000).catch(() =>
      run.problems.push(`epochs of ${room}: ${epochs().join(", ")}`),
    );
    const authenticators = run.inside(room).flatMap(({ engine }) => {
      const group = run.groups.get(room);
      return group === undefined ? [] : [formatHex(engine.epochAuthenticator(group))];
    });
    if (new Set(authenticators).size !== 1) run.problems.push(`authenticators differ in ${room}`);
  }
}
