import { runService } from "@cloister/server-kit";
import { parseRelayConfig } from "./config.ts";
import { startRelay } from "./process/start-relay.ts";

await runService({
  name: "relay",
  environment: process.env,
  start: async (log) => {
    const onTrouble = ({ doing, org, error }: { doing: string; org?: string; error: unknown }) =>
      log.warn("trouble", { doing, org, error });
    const relay = await startRelay(parseRelayConfig(process.env), { onTrouble });
    return { ready: Promise.resolve(), [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]() };
  },
});
