import { runService } from "@cloister/server-kit";
import { parseGatewayConfig } from "./config.ts";
import { startGateway } from "./start-gateway.ts";

await runService({
  name: "gateway",
  environment: process.env,
  start: async (log) =>
    await startGateway(parseGatewayConfig(process.env), {
      onFault: ({ error, method }) => log.warn("fault", { method, error }),
    }),
});
