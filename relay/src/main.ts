import { runService } from "@cloister/server-kit";
import { parseRelayConfig } from "./config.ts";
import { startRelay } from "./process/start-relay.ts";

await runService({
  name: "relay",
  environment: process.env,
  start: (log) =>
    startRelay(parseRelayConfig(process.env), {
      onTrouble: ({ doing, org, error }) => log.warn("trouble", { doing, org, error }),
    }),
});
