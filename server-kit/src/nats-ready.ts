import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { ListenAddress } from "./nats-config.ts";

const pollMs = 25;

/** Resolves once nats-server greets on `address`: an open port alone is not yet a ready server. */
export async function waitForNats(address: ListenAddress, signal: AbortSignal): Promise<void> {
  while (!(await greets(address))) await delay(pollMs, undefined, { signal });
}

function greets(address: ListenAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    const finish = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => finish(false));
    socket.once("data", (data: Buffer) => finish(data.subarray(0, 5).toString() === "INFO "));
    socket.once("error", () => finish(false));
    socket.once("close", () => resolve(false));
  });
}
