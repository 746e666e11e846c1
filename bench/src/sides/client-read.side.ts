import type { Room } from "@cloister/client-core";
import { serveSide } from "../harness/side.ts";
import { Device, type DeviceSetup } from "./device.ts";
import { type MessageJob, messageText } from "./messages.ts";

export interface ClientReadSetup extends DeviceSetup, MessageJob {}

/**
 * The client coming back to messages that wait on the server: each is opened, its sender's chain
 * verified, stored sealed with ratchet and position, shown once, acknowledged.
 */
serveSide<ClientReadSetup>(async ({ count, ...setup }) => {
  const device = await Device.open(setup);
  let after: string | undefined;

  const readAll = async (room: Room) => {
    let next = 0;
    for await (const { body, position } of room.messages({ after })) {
      after = position;
      // What was said at founding comes before.
      if (body.kind !== "text" || !body.text.startsWith("message ")) continue;
      if (body.text !== messageText(next)) throw new Error(`not message ${next}`);
      next += 1;
      if (next === count) return;
    }
    throw new Error(`the room ended after ${next} messages`);
  };
  return {
    prepare: () => device.close(),
    run: async () => {
      const room = await device.open({ online: true });
      await readAll(room);
      await room.caughtUp();
      return { amount: count, seconds: (performance.now() - device.connectedAt) / 1_000 };
    },
    close: () => device[Symbol.asyncDispose](),
  };
});
