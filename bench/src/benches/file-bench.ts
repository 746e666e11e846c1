import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Bench, BenchContext } from "../bench.ts";
import { type BuiltSides, buildClientSides } from "../harness/built-sides.ts";
import type { Figure } from "../harness/figure.ts";
import { SideProcess } from "../harness/side-process.ts";
import { compareSides, sideModule } from "../harness/starting.ts";
import { makeBox } from "../servers/box.ts";
import { foundRoom, type RoomOfTwo } from "../servers/people.ts";
import { plainStream, startPlainServer } from "../servers/plain-streams.ts";
import type { PlainUser } from "../servers/plain-user.ts";
import type { ClientFileSetup } from "../sides/client-file.side.ts";
import { type FileJob, MIB } from "../sides/file-job.ts";
import type { ObjectStoreSetup } from "../sides/object-store.side.ts";
import type { RawChunksSetup } from "../sides/raw-chunks.side.ts";

type Direction = ClientFileSetup["direction"];

const fileMib = 256;
/** Memory must not grow with the file: a small one and a large one stay below the same bound. */
const smallFileMib = 64;

interface FileWorld {
  readonly direction: Direction;
  readonly folder: string;
  readonly people: RoomOfTwo;
  readonly user: PlainUser;
  readonly built: BuiltSides;
}

/** `file-send` and `file-get`: one file, from disk to the servers' disk or back. */
export function fileBench(direction: Direction): Bench {
  return {
    name: `file-${direction}`,
    targets: {
      "vs-object-store": { atLeast: 4 },
      "vs-raw-chunks": { atLeast: 0.5 },
      "client-rss-mib": { below: 150 },
    },
    run: async (context) => {
      await using box = await makeBox();
      await box.start();
      const people = await foundRoom(box);
      await using plain = await startPlainServer();
      await using built = await buildClientSides();
      const world: FileWorld = { direction, folder: box.folder, people, user: plain.user, built };
      return [...(await speeds(world, context)), await memory(world, context)];
    },
  };
}

async function speeds(world: FileWorld, context: BenchContext): Promise<Figure[]> {
  const bytes = context.scale.amount(fileMib) * MIB;
  const { direction, folder } = world;
  const source = await sourceFile(world, bytes);
  if (direction === "get") {
    for (const start of [startClient, startStore, startRaw]) {
      await sendOnce(world, { path: source, bytes }, start);
    }
  }
  const jobOf = (side: string): FileJob => ({
    path: direction === "send" ? source : join(folder, `${side}.got`),
    bytes,
  });
  await using closing = new AsyncDisposableStack();
  const ours = closing.use(await startClient(world, direction, jobOf("client")));
  const store = closing.use(await startStore(world, direction, jobOf("store")));
  const raw = closing.use(await startRaw(world, direction, jobOf("raw")));
  const sides = [ours, store, raw];
  const result = await compareSides(context, { sides, unit: "MiB", perUnit: MIB });
  return [
    { figure: "vs-object-store", value: result.ratio(ours.name, store.name), unit: "x" },
    { figure: "vs-raw-chunks", value: result.ratio(ours.name, raw.name), unit: "x" },
    { figure: "mib-per-second", value: result.rate(ours.name) / MIB, unit: "MiB/s" },
  ];
}

/** The highest peak of a client that opens its profile, moves one file and does nothing else. */
async function memory(world: FileWorld, { scale, progress }: BenchContext): Promise<Figure> {
  const peaks: number[] = [];
  for (const mib of [scale.amount(smallFileMib), scale.amount(fileMib)]) {
    // A length of its own, by which the receiver finds it.
    const bytes = mib * MIB - 1;
    const source = await sourceFile(world, bytes);
    if (world.direction === "get") await sendOnce(world, { path: source, bytes }, startClient);
    const path = world.direction === "send" ? source : join(world.folder, `memory-${mib}.got`);
    await using client = await startClient(world, world.direction, { path, bytes });
    await client.run();
    const peak = client.maxRssBytes / MIB;
    progress(`${mib} MiB: the client held ${peak.toFixed(0)} MiB at most`);
    peaks.push(peak);
  }
  return { figure: "client-rss-mib", value: Math.max(...peaks), unit: "MiB" };
}

type StartSide = (world: FileWorld, direction: Direction, job: FileJob) => Promise<SideProcess>;

/** Alice sends, Bob gets. */
const startClient: StartSide = ({ people, built }, direction, job) =>
  SideProcess.start({
    name: "client-file",
    module: built.module("client-file"),
    setup: {
      ...job,
      direction,
      person: direction === "send" ? people.alice : people.bob,
      room: people.room,
    } satisfies ClientFileSetup,
  });

const startStore: StartSide = ({ user }, direction, job) =>
  SideProcess.start({
    name: "object-store",
    module: sideModule("object-store"),
    setup: { ...job, direction, user, bucket: "files" } satisfies ObjectStoreSetup,
  });

const startRaw: StartSide = ({ user }, direction, job) =>
  SideProcess.start({
    name: "raw-chunks",
    module: sideModule("raw-chunks"),
    setup: {
      ...job,
      direction,
      user,
      stream: plainStream.name,
      subject: `${plainStream.subject}.chunks`,
    } satisfies RawChunksSetup,
  });

async function sendOnce(world: FileWorld, job: FileJob, start: StartSide): Promise<void> {
  await using side = await start(world, "send", job);
  await side.run();
}

/** Random bytes, so that no side wins by what they are. */
async function sourceFile({ folder }: FileWorld, bytes: number): Promise<string> {
  const path = join(folder, `${bytes}.bin`);
  await using file = await open(path, "w");
  for (let left = bytes; left > 0; left -= MIB) await file.write(randomBytes(Math.min(left, MIB)));
  return path;
}
