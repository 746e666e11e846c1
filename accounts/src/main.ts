import { runService } from "@cloister/server-kit";
import { parseAccountsConfig } from "./config.ts";
import { startAccounts } from "./service/start-accounts.ts";

await runService({
  name: "accounts",
  environment: process.env,
  start: async (log) =>
    await startAccounts(parseAccountsConfig(process.env), {
      onTrouble: (error, about) => log.warn("trouble", { ...about, error }),
    }),
});
