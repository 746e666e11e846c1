import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { formatBytes } from "../output.ts";
import { Player } from "./cast.ts";
import { DemoBox } from "./demo-box.ts";
import { searchBox } from "./holder-view.ts";
import { createMarker } from "./marker.ts";
import { bobReturns, writeToBobOffline } from "./scenes/delivery.ts";
import { foundOrg, inviteBob } from "./scenes/founding.ts";
import { malloryTries, publishControl } from "./scenes/mallory.ts";
import { bobsStateOpensNothing, removeBob } from "./scenes/removal.ts";
import { formatMs, Stage } from "./stage.ts";
import { judge } from "./verdict.ts";
import type { DemoWorld } from "./world.ts";

export interface DemoOptions {
  readonly out: Writable;
  /** Files to send are made of what lies here. */
  readonly sourceFolder: string;
  readonly keep: boolean;
}

/** Plays the main job on a box of its own. Throws at the first step that does not go as promised. */
export async function playDemo(options: DemoOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-demo-"));
  const stage = new Stage(options.out);
  const [secret, control] = [createMarker(), createMarker()];
  const [alice, bob, mallory] = ["Alice", "Bob", "Mallory"].map(
    (name) => new Player(name, folder),
  ) as [Player, Player, Player];
  await using players = new AsyncDisposableStack();
  for (const player of [alice, bob, mallory]) players.defer(() => player.goOffline());
  const box = await DemoBox.create(folder);
  let isKept = true;
  try {
    const world = { stage, folder, box, secret, control, alice, bob, mallory };
    await play({ ...world, sourceFolder: options.sourceFolder });
    options.out.write(`\nplayed in ${formatMs(stage.elapsedMs)}\n`);
    isKept = options.keep;
    if (isKept) await leaveRunning(options.out, { folder, box, alice });
  } catch (error) {
    await box.stop();
    options.out.write(`\nwhat is left to look at: ${folder}\n`);
    throw error;
  } finally {
    await box.closeTap();
    await players.disposeAsync();
    if (!isKept) await rm(folder, { recursive: true, force: true });
  }
}

async function play(world: DemoWorld): Promise<void> {
  const { stage, box, secret, control } = world;
  stage.scene("A box on free loopback ports, in a temporary home");
  const say = (text: string): void => stage.say(text);
  await stage.step(
    "nats-server, accounts, gateway, relay",
    () => box.start(say),
    ({ gatewayUrl }) => gatewayUrl,
  );
  await box.openTap([secret, control]);
  const rooms = await foundOrg(world);
  await inviteBob(world, rooms);
  const sample = await writeToBobOffline(world, rooms);
  await bobReturns(world, rooms, sample);
  await malloryTries(world, rooms);
  await publishControl(world, rooms);
  await removeBob(world, rooms);
  await lookAsHolder(world);
  await bobsStateOpensNothing(world, rooms);
}

/** The box is stopped, and everything on it searched with every key that lies on it. */
async function lookAsHolder({ stage, box, secret, control }: DemoWorld): Promise<void> {
  stage.scene("What whoever holds the box can see");
  await stage.step("the box is stopped, as one that was seized", () => box.stop());
  const { tap } = box;
  const view = await stage.step(
    "every file on it, and every stream read out with its keys",
    () => searchBox(box.folder, [secret, control]),
    ({ searchedBytes, messages }) => `${formatBytes(searchedBytes)}, ${messages} stored messages`,
  );
  const [inTap, onBox] = [tap.hits(control), view.hits.get(control) ?? 0];
  const read = formatBytes(tap.readBytes);
  stage.say(`control, in the clear: found ${inTap} × in ${read} inside TLS, ${onBox} × on the box`);
  const written = tap.hits(secret) + (view.hits.get(secret) ?? 0);
  stage.say(`what members wrote: found ${written} × in both together`);
  judge({ secret, control, tap, box: view });
}

/** The box goes on without the tap, and the screen says how to go on with the command line. */
async function leaveRunning(
  out: Writable,
  {
    folder,
    box,
    alice,
  }: { readonly folder: string; readonly box: DemoBox; readonly alice: Player },
): Promise<void> {
  await alice.goOffline();
  const passphraseFile = join(folder, "alice.passphrase");
  await writeFile(passphraseFile, alice.passphrase, { mode: 0o600 });
  await box.startWithoutTap();
  const lines = [
    "",
    "The box goes on running. To go on as Alice, in this folder:",
    `  export CLOISTER_HOME=${folder} CLOISTER_PROFILE=alice`,
    `  export CLOISTER_PASSPHRASE_FILE=${passphraseFile}`,
    "  ./cloister whoami",
    "  ./cloister read sources --all",
    "  ./cloister send sources Good morning",
    "To end it:",
    `  ./cloister server stop --home ${box.folder}`,
    `  rm -r ${folder}`,
    "",
  ];
  out.write(lines.join("\n"));
}
