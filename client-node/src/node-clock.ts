import { parseEpochMs } from "@cloister/base";
import type { AbortSignalLike, ClockPort } from "@cloister/client-core";

/** The machine's clock and timers. */
export const nodeClock: ClockPort = {
  now: () => parseEpochMs(Date.now()),
  wait(delayMs: number, signal?: AbortSignalLike): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayMs);
    const stop = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener("abort", stop);
    return promise.then(() => signal?.removeEventListener("abort", stop));
  },
};
