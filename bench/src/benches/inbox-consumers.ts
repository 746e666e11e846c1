import { readFile } from "node:fs/promises";
import type { PlainNats } from "@cloister/testkit";
import { AckPolicy, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Bench, BenchContext } from "../bench.ts";
import type { Figure } from "../harness/figure.ts";
import { windowed } from "../harness/windowed.ts";
import { type InboxLayout, inboxLayouts, type Membership } from "../servers/inbox-layout.ts";
import { plainStream, startPlainServer } from "../servers/plain-streams.ts";
import { connectPlain, type PlainUser } from "../servers/plain-user.ts";
import { MIB } from "../sides/file-job.ts";

/** Of the 10,000 that the decision is about: each consumer costs several fsyncs to make. */
const rooms = 800;
const devicesOfARoom = 5;
const roomsOfADevice = 50;
const createsInFlight = 64;
const publishes = 4_000;
const publishesInFlight = 256;

interface Measured {
  readonly createSeconds: number;
  readonly publishesPerSecond: number;
  readonly restartSeconds: number;
  readonly memoryMib: number;
}

/**
 * The two ways to tell devices what waits for them, for docs/adr/0001: rooms of 5 devices, each
 * device in 50 rooms. One pass each: they lie far apart.
 */
export const inboxConsumers: Bench = {
  name: "inbox-consumers",
  targets: {},
  run: async (context) => {
    const membership = { rooms: context.scale.amount(rooms), devicesOfARoom, roomsOfADevice };
    const figures: Figure[] = [];
    for (const layout of [inboxLayouts.perDevice, inboxLayouts.perRoomAndDevice]) {
      const measured = await measure(layout, membership, context);
      figures.push(...figuresOf(layout.name, measured));
    }
    return figures;
  },
};

function figuresOf(name: string, measured: Measured): Figure[] {
  return [
    { figure: `${name}-create`, value: measured.createSeconds, unit: "s" },
    { figure: `${name}-publish`, value: measured.publishesPerSecond, unit: "1/s" },
    { figure: `${name}-restart`, value: measured.restartSeconds, unit: "s" },
    { figure: `${name}-memory`, value: measured.memoryMib, unit: "MiB" },
  ];
}

async function measure(
  layout: InboxLayout,
  membership: Membership,
  { scale, progress }: BenchContext,
): Promise<Measured> {
  await using server = await startPlainServer();
  const { user, nats } = server;
  const consumers = layout.consumers(membership);
  progress(`${layout.name}: ${consumers.length} consumers`);
  const createSeconds = await create(user, consumers);
  progress(`${layout.name}: created in ${createSeconds.toFixed(1)} s`);
  const publishesPerSecond = await publish(user, membership, scale.amount(publishes));
  const restartSeconds = await restart(nats, user, consumers.length);
  progress(`${layout.name}: restarted in ${restartSeconds.toFixed(1)} s`);
  return {
    createSeconds,
    publishesPerSecond,
    restartSeconds,
    memoryMib: (await residentBytes(nats)) / MIB,
  };
}

async function create(
  user: PlainUser,
  consumers: ReturnType<InboxLayout["consumers"]>,
): Promise<number> {
  const connection = await connectPlain(user);
  const manager = await jetstreamManager(connection, { timeout: 60_000 });
  const start = performance.now();
  await windowed(consumers, createsInFlight, async ({ name, rooms: followed }) => {
    await manager.consumers.add(plainStream.name, {
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      filter_subjects: followed.map((room) => `${subjectOf(room)}.*`),
    });
  });
  const seconds = (performance.now() - start) / 1_000;
  await connection.close();
  return seconds;
}

/** What every message costs the server that has to see whom it is for. */
async function publish(user: PlainUser, membership: Membership, count: number): Promise<number> {
  const connection = await connectPlain(user);
  const start = performance.now();
  const numbers = Array.from({ length: count }, (_, index) => index);
  await windowed(numbers, publishesInFlight, async (index) => {
    const subject = `${subjectOf(index % membership.rooms)}.sender`;
    await connection.request(subject, "x".repeat(512), { timeout: 60_000 });
  });
  const seconds = (performance.now() - start) / 1_000;
  await connection.close();
  return count / seconds;
}

/** From the start of the process until the stream is back with every consumer. */
async function restart(nats: PlainNats, user: PlainUser, consumers: number): Promise<number> {
  await nats.process.stop();
  const start = performance.now();
  await nats.process.start();
  const connection = await connectPlain(user);
  await untilConsumers(connection, consumers);
  const seconds = (performance.now() - start) / 1_000;
  await connection.close();
  return seconds;
}

async function untilConsumers(connection: NatsConnection, count: number): Promise<void> {
  const manager = await jetstreamManager(connection, { timeout: 60_000 });
  for (;;) {
    const { state } = await manager.streams.info(plainStream.name);
    if (state.consumer_count === count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Linux: what the server's process holds. */
async function residentBytes({ process: server }: PlainNats): Promise<number> {
  const status = await readFile(`/proc/${server.pid ?? 0}/status`, "utf8");
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  if (kib === undefined) throw new Error("the kernel does not say how much memory it holds");
  return Number(kib) * 1_024;
}

function subjectOf(room: number): string {
  return `${plainStream.subject}.${room}`;
}
