import type { Client } from "@cloister/client-core";
import { connect } from "@cloister/client-core";
import type { Bench } from "../bench.ts";
import { median, spread } from "../harness/statistics.ts";
import { type Box, makeBox } from "../servers/box.ts";
import { foundRoom, type RoomOfTwo } from "../servers/people.ts";
import { openPerson } from "../servers/person.ts";

/** From a box that is down to the first message that one person reads of another. */
export const start: Bench = {
  name: "start",
  targets: { seconds: { below: 3 } },
  run: async ({ scale, progress }) => {
    await using box = await makeBox();
    await box.start();
    const people = await foundRoom(box);
    await box.stop();
    const seconds: number[] = [];
    for (let round = 0; round < scale.rounds; round += 1) {
      const taken = await startOnce(box, people, `word ${round}`);
      progress(`round ${round + 1}: ${taken.toFixed(2)} s`);
      seconds.push(taken);
    }
    progress(`spread ${(spread(seconds) * 100).toFixed(0)} %`);
    return [{ figure: "seconds", value: median(seconds), unit: "s" }];
  },
};

/** Servers, both people's profiles with their passphrases, both clients, one message. */
async function startOnce(box: Box, { alice, bob, room }: RoomOfTwo, text: string): Promise<number> {
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1_000;
  await using closing = new AsyncDisposableStack();
  closing.defer(() => box.stop());
  const [ours, theirs] = await Promise.all([openPerson(alice), openPerson(bob), box.start()]);
  closing.use(ours);
  closing.use(theirs);
  const [sender, reader] = await Promise.all([connect(ours.ports), connect(theirs.ports)]);
  closing.use(sender);
  closing.use(reader);
  const sent = (await sender.room(room)).send(text);
  await untilRead(reader, { room, text });
  await sent;
  return seconds();
}

async function untilRead(
  reader: Client,
  { room, text }: { readonly room: RoomOfTwo["room"]; readonly text: string },
): Promise<void> {
  for await (const { body } of (await reader.room(room)).messages()) {
    if (body.kind === "text" && body.text === text) return;
  }
}
