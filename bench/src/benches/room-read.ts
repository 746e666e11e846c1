import type { Bench } from "../bench.ts";
import { buildClientSides } from "../harness/built-sides.ts";
import type { Contender } from "../harness/pair.ts";
import type { SideProcess } from "../harness/side-process.ts";
import { compareSides, startSide } from "../harness/starting.ts";
import { makeBox } from "../servers/box.ts";
import { foundRoom } from "../servers/people.ts";
import { plainStream, startPlainServer } from "../servers/plain-streams.ts";
import type { ClientReadSetup } from "../sides/client-read.side.ts";
import type { ClientSendSetup } from "../sides/client-send.side.ts";
import type { MegolmSetup } from "../sides/megolm.side.ts";
import type { PlainBatchSetup } from "../sides/plain-batch.side.ts";
import type { PlainConsumeSetup } from "../sides/plain-consume.side.ts";

const messages = 20_000;

/** Messages of 1 KiB that wait on the server, until the last is stored, shown and acknowledged. */
export const roomRead: Bench = {
  name: "room-read",
  targets: { "vs-plain-consume": { atLeast: 0.5 }, "vs-megolm": { atLeast: 8 } },
  run: async (context) => {
    const count = context.scale.amount(messages);
    await using closing = new AsyncDisposableStack();
    const box = closing.use(await makeBox());
    await box.start();
    const { alice, bob, room } = await foundRoom(box);
    context.progress("two people in a room");
    const built = closing.use(await buildClientSides());
    const sender = await startSide<ClientSendSetup>(closing, {
      name: "client-send",
      module: built.module("client-send"),
      setup: { person: alice, room, count },
    });
    const reader = await startSide<ClientReadSetup>(closing, {
      name: "client-read",
      module: built.module("client-read"),
      setup: { person: bob, room, count },
    });
    const plain = await startPlainReader(closing, count);
    const megolm = await startSide<MegolmSetup>(closing, {
      name: "megolm",
      setup: { direction: "decrypt", count },
    });
    const ours = readerOf(sender, reader);
    const sides = [ours, plain, megolm];
    const result = await compareSides(context, { sides, unit: "messages" });
    return [
      { figure: "vs-plain-consume", value: result.ratio(ours.name, plain.name), unit: "x" },
      { figure: "vs-megolm", value: result.ratio(ours.name, megolm.name), unit: "x" },
      { figure: "per-second", value: result.rate(ours.name), unit: "1/s" },
    ];
  },
};

/** What is read in a round is written in its preparation, while the reader is away. */
function readerOf(sender: SideProcess, reader: SideProcess): Contender {
  return {
    name: reader.name,
    prepare: async () => {
      await reader.prepare();
      await sender.prepare();
      await sender.run();
    },
    run: () => reader.run(),
  };
}

async function startPlainReader(
  closing: AsyncDisposableStack,
  count: number,
): Promise<SideProcess> {
  const { user } = closing.use(await startPlainServer());
  const subject = `${plainStream.subject}.messages`;
  const sender = await startSide<PlainBatchSetup>(closing, {
    name: "plain-batch",
    setup: { user, subject, count },
  });
  await sender.run();
  return await startSide<PlainConsumeSetup>(closing, {
    name: "plain-consume",
    setup: { user, stream: plainStream.name, count },
  });
}
