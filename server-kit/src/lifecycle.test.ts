import { expect, test } from "vitest";
import { Lifecycle } from "./lifecycle.ts";
import { createLogger } from "./log.ts";

function silent() {
  return createLogger({ component: "test", write: () => undefined });
}

function part(name: string, order: string[]): AsyncDisposable {
  return { [Symbol.asyncDispose]: async () => void order.push(name) };
}

test("parts stop in reverse order when a signal comes", async () => {
  const order: string[] = [];
  const lifecycle = new Lifecycle({
    log: silent(),
    signals: ["SIGUSR2"],
    onReady: () => process.kill(process.pid, "SIGUSR2"),
  });
  await lifecycle.run(async (held) => {
    held.hold(part("store", order));
    held.hold(part("listener", order));
  });
  expect(order).toEqual(["listener", "store"]);
  expect(lifecycle.state).toBe("stopped");
});

test("what was started is let go when a later start fails", async () => {
  const order: string[] = [];
  const lifecycle = new Lifecycle({ log: silent(), signals: [] });
  const run = lifecycle.run(async (held) => {
    held.hold(part("store", order));
    throw new Error("no port");
  });
  await expect(run).rejects.toThrow("no port");
  expect(order).toEqual(["store"]);
});

test("a part that hangs does not hold the process", async () => {
  const lifecycle = new Lifecycle({ log: silent(), signals: [], stopTimeoutMs: 30 });
  lifecycle.hold({ [Symbol.asyncDispose]: () => new Promise<void>(() => undefined) });
  await lifecycle.stop();
  expect(lifecycle.state).toBe("stopped");
});
