import { accountsErrors } from "./errors.ts";
import type { AccountsConfig } from "./service/start-accounts.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the environment, once; a mistake is told by its variable. No secret comes this way. */
export function parseAccountsConfig(environment: Environment): AccountsConfig {
  const natsUrls = requiredText(environment, "CLOISTER_NATS_URLS")
    .split(",")
    .map((url) => url.trim());
  if (natsUrls.some((url) => !/^(tls|nats):\/\/[^\s/]+$/.test(url))) {
    throw wrong("CLOISTER_NATS_URLS", "is a list of tls://host:port, separated by commas");
  }
  return {
    stateDir: requiredText(environment, "CLOISTER_STATE_DIR"),
    natsUrls,
    caFile: requiredText(environment, "CLOISTER_NATS_CA_FILE"),
    replicas: replicasOf(environment["CLOISTER_NATS_REPLICAS"]),
  };
}

function replicasOf(text: string | undefined): number {
  const replicas = text === undefined ? 1 : Number(text);
  if (![1, 3, 5].includes(replicas)) throw wrong("CLOISTER_NATS_REPLICAS", "is 1, 3 or 5");
  return replicas;
}

function requiredText(environment: Environment, name: string): string {
  const value = environment[name];
  if (value === undefined || value === "") throw wrong(name, "is missing");
  return value;
}

function wrong(name: string, what: string): Error {
  return accountsErrors.ERR_ACCOUNTS_CONFIG(`${name} ${what}`, {
    hint: `set ${name} and start again`,
  });
}
