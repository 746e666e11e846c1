import { parseUtf8 } from "@cloister/base";
import { isNkey, type Nkey, readPrivateFile } from "@cloister/server-kit";
import { accountsErrors } from "../errors.ts";
import { fleetPath } from "./paths.ts";

/** The accounts that no org owns. */
export const serviceAccountNames = [
  "system",
  "accounts",
  "log",
  "followers",
  "gateway",
  "delivery",
] as const;
export type ServiceAccountName = (typeof serviceAccountNames)[number];

/** What may be known of the fleet: tokens and public keys, all that nats-server preloads. */
export interface FleetFacts {
  readonly operatorJwt: string;
  readonly accounts: Readonly<Record<ServiceAccountName, Nkey<"account">>>;
  /** Account tokens by public key. */
  readonly preload: ReadonlyMap<string, string>;
}

export function encodeFleet(facts: FleetFacts): Uint8Array {
  const preload = Object.fromEntries(facts.preload);
  return Buffer.from(JSON.stringify({ version: 1, ...facts, preload }, null, 1));
}

/** Reads what `initAccounts` made. */
export async function readFleet(stateDir: string): Promise<FleetFacts> {
  const bytes = await readPrivateFile(fleetPath(stateDir));
  if (bytes === undefined) {
    throw accountsErrors.ERR_ACCOUNTS_NOT_INITIALISED("this state directory holds no operator");
  }
  return parseFleet(bytes);
}

function parseFleet(bytes: Uint8Array): FleetFacts {
  const value: unknown = parseJson(bytes);
  if (!isRecord(value) || value["version"] !== 1) throw malformed();
  const { operatorJwt, accounts, preload } = value;
  if (typeof operatorJwt !== "string" || !isRecord(accounts) || !isRecord(preload)) {
    throw malformed();
  }
  const keys = serviceAccountNames.map((name) => [name, accountKey(accounts[name])] as const);
  const tokens = Object.entries(preload).map(([key, token]) => {
    if (typeof token !== "string") throw malformed();
    return [accountKey(key), token] as const;
  });
  return {
    operatorJwt,
    accounts: Object.fromEntries(keys) as FleetFacts["accounts"],
    preload: new Map(tokens),
  };
}

function accountKey(value: unknown): Nkey<"account"> {
  if (typeof value !== "string" || !isNkey("account", value)) throw malformed();
  return value;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(parseUtf8(bytes));
  } catch {
    throw malformed();
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(): Error {
  return accountsErrors.ERR_ACCOUNTS_STATE("the fleet's public state is malformed");
}
