import { jetstream } from "@nats-io/jetstream";
import { serveSide, timed } from "../harness/side.ts";
import { connectPlain, type PlainUser } from "../servers/plain-user.ts";
import { type MessageJob, messageTexts } from "./messages.ts";

export interface PlainBatchSetup extends MessageJob {
  readonly user: PlainUser;
  readonly subject: string;
}

const batchMessages = 500;
/** While one batch is on its way to the disk, the next one is on the wire. */
const batchesInFlight = 2;

/** nats.js as it comes: every message one of an atomic batch, a batch acknowledged after fsync. */
serveSide<PlainBatchSetup>(async ({ user, subject, count }) => {
  const connection = await connectPlain(user);
  const client = jetstream(connection, { timeout: 30_000 });
  const payloads = messageTexts(count).map((text) => Buffer.from(text));

  const sendBatch = async (from: number) => {
    const [first, ...rest] = payloads.slice(from, from + batchMessages);
    const last = rest.pop();
    if (first === undefined || last === undefined) throw new Error("a batch needs two messages");
    const batch = await client.startBatch(subject, first);
    for (const payload of rest) batch.add(subject, payload);
    await batch.commit(subject, last, { timeout: 30_000 });
  };
  const sendAll = async () => {
    let next = 0;
    const lane = async () => {
      while (next < count) {
        const from = next;
        next += batchMessages;
        await sendBatch(from);
      }
    };
    await Promise.all(Array.from({ length: batchesInFlight }, lane));
  };
  return { run: () => timed(count, sendAll), close: () => connection.close() };
});
