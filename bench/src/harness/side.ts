import { existsSync, readFileSync } from "node:fs";
import { isNativeError } from "node:util/types";
import type { Run } from "./pair.ts";

/** What a side's own process does; it holds nothing of the others. */
export interface Side {
  prepare?(): Promise<void>;
  run(): Promise<Run>;
  close?(): Promise<void>;
}

export type SideCall =
  | { readonly kind: "open"; readonly setup: unknown }
  | { readonly kind: SideStep };

export type SideStep = "prepare" | "run" | "close";

export type SideAnswer =
  | { readonly kind: "done"; readonly run?: Run | undefined; readonly maxRssBytes: number }
  | { readonly kind: "failed"; readonly text: string };

/** Serves one side to the process that forked this one; ends when told to, or when that one is gone. */
export function serveSide<Setup>(open: (setup: Setup) => Promise<Side>): void {
  let side: Side | undefined;
  const perform = async (call: SideCall): Promise<Run | undefined> => {
    if (call.kind === "open") {
      // Both ends are of this package: the type of a setup stands beside the side that takes it.
      side = await open(call.setup as Setup);
      return undefined;
    }
    return side === undefined ? undefined : await step(side, call.kind);
  };
  process.on("message", (call: SideCall) => {
    void perform(call)
      .then(
        (run): SideAnswer => ({ kind: "done", run, maxRssBytes: maxRssBytes() }),
        (error: unknown): SideAnswer => ({ kind: "failed", text: textOf(error) }),
      )
      .then((answer) => process.send?.(answer))
      .then(() => call.kind === "close" && process.disconnect?.());
  });
  process.on("disconnect", () => process.exit());
}

async function step(side: Side, kind: SideStep): Promise<Run | undefined> {
  switch (kind) {
    case "prepare":
      await side.prepare?.();
      return undefined;
    case "run":
      return await side.run();
    case "close":
      await side.close?.();
      return undefined;
    default:
      return kind satisfies never;
  }
}

const statusFile = "/proc/self/status";

/**
 * The highest that this process ever held. `ru_maxrss` would not do: Linux carries into it what the
 * parent held at the fork.
 */
function maxRssBytes(): number {
  const status = existsSync(statusFile) ? readFileSync(statusFile, "utf8") : "";
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return kib === undefined ? process.resourceUsage().maxRSS * 1_024 : Number(kib) * 1_024;
}

function textOf(error: unknown): string {
  return isNativeError(error) ? (error.stack ?? error.message) : String(error);
}

/** Times one job with the monotonic clock. */
export async function timed(amount: number, job: () => Promise<void>): Promise<Run> {
  const start = performance.now();
  await job();
  return { amount, seconds: (performance.now() - start) / 1_000 };
}
