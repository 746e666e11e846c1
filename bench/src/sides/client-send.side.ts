import type { Room } from "@cloister/client-core";
import { serveSide } from "../harness/side.ts";
import { Device, type DeviceSetup } from "./device.ts";
import { type MessageJob, messageTexts } from "./messages.ts";

export interface ClientSendSetup extends DeviceSetup, MessageJob {}

// Rows of the outbox hold up to 408,000 bytes: what is queued at once fills them.
const messagesAtOnce = 5_000;

/**
 * The client with messages that wait: offline, they are sealed into the outbox on disk; then it
 * comes online, seals them for the room and has each acknowledged after fsync.
 */
serveSide<ClientSendSetup>(async ({ count, ...setup }) => {
  const device = await Device.open(setup);
  const texts = messageTexts(count);
  let room: Room | undefined;
  return {
    prepare: async () => {
      // What came back of one's own is read before the next round, not in it.
      await room?.caughtUp();
      room = await device.open({ online: false });
      for (let at = 0; at < count; at += messagesAtOnce) {
        await room.sendMany(texts.slice(at, at + messagesAtOnce));
      }
    },
    run: async () => {
      if (room === undefined) throw new Error("nothing waits in the outbox");
      await device.client.refresh();
      await room.flushed();
      const { queuedMessages } = room.status();
      if (queuedMessages > 0) throw new Error(`${queuedMessages} messages still wait`);
      return { amount: count, seconds: (performance.now() - device.connectedAt) / 1_000 };
    },
    close: () => device[Symbol.asyncDispose](),
  };
});
