import { exitCodeOf, isCloisterError, reportOf } from "@cloister/base";
import { parseAccountsConfig } from "./config.ts";
import { startAccounts } from "./service/start-accounts.ts";

/** One line of JSON an event; errors without the text of foreign ones. */
function log(event: string, fields: object = {}): void {
  const time = new Date().toISOString();
  process.stderr.write(`${JSON.stringify({ time, service: "accounts", event, ...fields })}\n`);
}

async function main(): Promise<void> {
  const stop = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, stop.resolve);
  const config = parseAccountsConfig(process.env);
  const onTrouble = (error: unknown, about: object) =>
    log("trouble", { ...about, error: reportOf(error) });
  await using accounts = await startAccounts(config, { onTrouble });
  await accounts.ready;
  log("ready");
  log("stopping", { signal: await stop.promise });
}

try {
  await main();
} catch (error) {
  log("failed", { error: reportOf(error) });
  process.exitCode = exitCodeOf(isCloisterError(error) ? error.kind : "Internal");
}
