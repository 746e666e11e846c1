import { runService } from "@cloister/server-kit";

/** A service that does nothing, as a supervisor starts it. */
await runService({
  name: "idle",
  environment: process.env,
  start: async () => ({ ready: Promise.resolve(), [Symbol.asyncDispose]: async () => undefined }),
});
