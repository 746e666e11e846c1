import { exitCodeOf, isCloisterError, reportOf } from "@cloister/base";
import { createLogger, Lifecycle } from "@cloister/server-kit";
import { parseRelayConfig } from "./config.ts";
import { startRelay } from "./process/start-relay.ts";

const log = createLogger({ component: "relay", write: (line) => process.stderr.write(line) });

try {
  const config = parseRelayConfig(process.env);
  const lifecycle = new Lifecycle({ log });
  await lifecycle.run(async () => {
    const onTrouble = ({ doing, org, error }: { doing: string; org?: string; error: unknown }) =>
      log.warn("trouble", { doing, org, error });
    lifecycle.hold(await startRelay(config, { onTrouble }));
  });
} catch (error) {
  log.error("failed", { error: reportOf(error) });
  process.exitCode = exitCodeOf(isCloisterError(error) ? error.kind : "Internal");
}
