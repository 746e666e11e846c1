import {
  type AccountTemplate,
  accountsAccount,
  deliveryAccount,
  gatewayAccount,
  type Nkey,
  NkeyPair,
  systemAccount,
} from "@cloister/server-kit";
import { SERVICE_CONSUMERS, SERVICE_STREAMS } from "../limits.ts";
import { type ServiceAccountName, serviceAccountNames } from "./fleet-file.ts";
import { followersAccount, logAccount } from "./log-accounts.ts";

/** Signing keys of the service accounts, one a scope: each makes the users of one duty. */
export const scopeNames = ["system", "accounts", "log", "gateway", "delivery", "follower"] as const;
export type ScopeName = (typeof scopeNames)[number];
export type ScopeKeys = Readonly<Record<ScopeName, NkeyPair<"account">>>;

export function generateScopeKeys(): ScopeKeys {
  const pairs = scopeNames.map((name) => [name, NkeyPair.generate("account")] as const);
  return Object.fromEntries(pairs) as ScopeKeys;
}

/**
 * The ids of the service accounts. The private half of each is dropped at once: every user comes
 * from a scoped signing key and every account token from the operator, so nobody needs it.
 */
export function generateAccountIds(): Record<ServiceAccountName, Nkey<"account">> {
  const ids = serviceAccountNames.map((name) => [name, newAccount()] as const);
  return Object.fromEntries(ids) as Record<ServiceAccountName, Nkey<"account">>;
}

export function newAccount(): Nkey<"account"> {
  using pair = NkeyPair.generate("account");
  return pair.publicKey;
}

/** Bytes of JetStream that each service account may fill. */
export interface ServiceStorage {
  readonly accountsBytes: number;
  readonly gatewayBytes: number;
  readonly deliveryBytes: number;
}

export interface ServiceTemplatesInput {
  readonly accounts: Readonly<Record<ServiceAccountName, Nkey<"account">>>;
  readonly keys: ScopeKeys;
  readonly storage: ServiceStorage;
}

export function serviceTemplates(input: ServiceTemplatesInput): AccountTemplate[] {
  const { accounts, keys } = input;
  const accountsKey = accounts.accounts;
  return [
    systemAccount({ account: accounts.system, signingKey: keys.system.publicKey }),
    accountsAccount({
      account: accountsKey,
      signingKey: keys.accounts.publicKey,
      storage: storageOf(input.storage.accountsBytes),
    }),
    logAccount({
      account: accounts.log,
      signingKey: keys.log.publicKey,
      storage: storageOf(input.storage.accountsBytes),
    }),
    followersAccount({
      account: accounts.followers,
      signingKey: keys.follower.publicKey,
      logAccount: accounts.log,
    }),
    gatewayAccount({
      account: accounts.gateway,
      signingKey: keys.gateway.publicKey,
      storage: storageOf(input.storage.gatewayBytes),
      accountsAccount: accountsKey,
    }),
    deliveryAccount({
      account: accounts.delivery,
      signingKey: keys.delivery.publicKey,
      storage: storageOf(input.storage.deliveryBytes),
      accountsAccount: accountsKey,
    }),
  ];
}

function storageOf(diskBytes: number) {
  return { diskBytes, streams: SERVICE_STREAMS, consumers: SERVICE_CONSUMERS };
}
