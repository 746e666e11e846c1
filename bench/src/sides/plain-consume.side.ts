import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { serveSide, timed } from "../harness/side.ts";
import { connectPlain, type PlainUser } from "../servers/plain-user.ts";
import type { MessageJob } from "./messages.ts";

export interface PlainConsumeSetup extends MessageJob {
  readonly user: PlainUser;
  readonly stream: string;
}

/** Ahead of what is being worked on: from 100, the default, to 2,000 it is all the same here. */
const messagesAhead = 500;
const consumer = "reader";

/** nats.js as it comes: a durable pull consumer, each message acknowledged by itself. */
serveSide<PlainConsumeSetup>(async ({ user, stream, count }) => {
  const connection = await connectPlain(user);
  const manager = await jetstreamManager(connection);
  const client = jetstream(connection);

  const readAll = async () => {
    const found = await client.consumers.get(stream, consumer);
    const messages = await found.consume({ max_messages: messagesAhead });
    let left = count;
    let bytes = 0;
    for await (const message of messages) {
      bytes += message.data.length;
      message.ack();
      left -= 1;
      if (left === 0) break;
    }
    await connection.flush();
    if (bytes === 0) throw new Error("messages without content");
  };
  return {
    prepare: async () => {
      await manager.consumers.delete(stream, consumer).catch(() => false);
      await manager.consumers.add(stream, {
        durable_name: consumer,
        ack_policy: AckPolicy.Explicit,
        max_ack_pending: -1,
      });
    },
    run: () => timed(count, readAll),
    close: () => connection.close(),
  };
});
