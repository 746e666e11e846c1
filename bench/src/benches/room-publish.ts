import type { Bench } from "../bench.ts";
import { buildClientSides } from "../harness/built-sides.ts";
import { compareSides, startSide } from "../harness/starting.ts";
import { makeBox } from "../servers/box.ts";
import { foundRoom } from "../servers/people.ts";
import { plainStream, startPlainServer } from "../servers/plain-streams.ts";
import type { ClientSendSetup } from "../sides/client-send.side.ts";
import type { MegolmSetup } from "../sides/megolm.side.ts";
import type { PlainBatchSetup } from "../sides/plain-batch.side.ts";

const messages = 20_000;

/** Messages of 1 KiB that wait in the outbox, until the last is sealed and on the server's disk. */
export const roomPublish: Bench = {
  name: "room-publish",
  targets: { "vs-plain-batch": { atLeast: 0.8 }, "vs-megolm": { atLeast: 4 } },
  run: async (context) => {
    const count = context.scale.amount(messages);
    await using closing = new AsyncDisposableStack();
    const box = closing.use(await makeBox());
    await box.start();
    const { alice: person, room } = await foundRoom(box);
    context.progress("two people in a room");
    const { user } = closing.use(await startPlainServer());
    const built = closing.use(await buildClientSides());
    const ours = await startSide<ClientSendSetup>(closing, {
      name: "client-send",
      module: built.module("client-send"),
      setup: { person, room, count },
    });
    const plain = await startSide<PlainBatchSetup>(closing, {
      name: "plain-batch",
      setup: { user, subject: `${plainStream.subject}.messages`, count },
    });
    const megolm = await startSide<MegolmSetup>(closing, {
      name: "megolm",
      setup: { direction: "encrypt", count },
    });
    const sides = [ours, plain, megolm];
    const result = await compareSides(context, { sides, unit: "messages" });
    return [
      { figure: "vs-plain-batch", value: result.ratio(ours.name, plain.name), unit: "x" },
      { figure: "vs-megolm", value: result.ratio(ours.name, megolm.name), unit: "x" },
      { figure: "per-second", value: result.rate(ours.name), unit: "1/s" },
    ];
  },
};
