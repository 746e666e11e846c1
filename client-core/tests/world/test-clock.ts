import { parseEpochMs } from "@cloister/base";
import type { ClockPort } from "@cloister/client-core";

/** Real time, faster. */
export const CLOCK_SPEED = 40;
const start = Date.now();

export const testClock: ClockPort = {
  now: () => parseEpochMs(1_800_000_000_000 + (Date.now() - start) * CLOCK_SPEED),
  wait: (delayMs, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs / CLOCK_SPEED);
      timer.unref();
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    }),
};
