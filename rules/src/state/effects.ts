import { type AccountId, type AccountKey, type EpochMs, publicKeyBytes } from "@cloister/base";
import { nkeyBytes } from "@cloister/proto";
import { usedKey } from "../statements/certificate.ts";
import type { Certificate, OrgFacts } from "./facts.ts";
import type { Change } from "./history.ts";
import type { RoleName } from "./names.ts";
import { orgScope, type Scope, scopeKey } from "./scope.ts";

/** Where a change stands in the log. */
export interface At {
  readonly position: number;
  readonly timeMs: EpochMs;
}

export function pushChange<Key, T>(
  histories: Map<Key, Change<T>[]>,
  key: Key,
  change: Change<T>,
): void {
  const history = histories.get(key);
  if (history === undefined) histories.set(key, [change]);
  else history.push(change);
}

export function setRole(
  facts: OrgFacts,
  {
    account,
    scope,
    role,
  }: { readonly account: AccountId; readonly scope: Scope; readonly role: RoleName | undefined },
  position: number,
): void {
  const key = scopeKey(scope);
  const accounts = facts.roles.get(key) ?? new Map<AccountId, Change<RoleName | undefined>[]>();
  facts.roles.set(key, accounts);
  pushChange(accounts, account, { position, value: role });
  const scopes = facts.scopesByAccount.get(account) ?? new Map<typeof key, Scope>();
  facts.scopesByAccount.set(account, scopes);
  scopes.set(key, scope);
}

/** Ends the role in the org and with it every role below: none comes back with a later role in the org. */
export function removeFromOrg(facts: OrgFacts, account: AccountId, position: number): void {
  for (const [key, scope] of facts.scopesByAccount.get(account) ?? []) {
    const role = facts.roles.get(key)?.get(account)?.at(-1)?.value;
    if (role !== undefined) setRole(facts, { account, scope, role: undefined }, position);
  }
}

export function setAccountKey(
  facts: OrgFacts,
  account: AccountId,
  change: Change<AccountKey>,
): void {
  const known = facts.accounts.get(account);
  if (known === undefined) {
    facts.accounts.set(account, { account, registeredAt: change.position, keys: [change] });
  } else {
    known.keys.push(change);
  }
  facts.usedKeys.add(usedKey(publicKeyBytes(change.value)));
}

export function certifyDevice(facts: OrgFacts, certificate: Certificate, at: At): void {
  const { device, account, nkey, statementKey, leafKey } = certificate;
  facts.devices.set(device, {
    certificate,
    certifiedAt: at.position,
    certifiedMs: at.timeMs,
    revokedAt: undefined,
  });
  facts.devicesByNkey.set(nkey, device);
  const devices = facts.devicesByAccount.get(account);
  if (devices === undefined) facts.devicesByAccount.set(account, [device]);
  else devices.push(device);
  for (const key of [publicKeyBytes(statementKey), publicKeyBytes(leafKey), nkeyBytes(nkey)]) {
    facts.usedKeys.add(usedKey(key));
  }
}

export function registerOwner(
  facts: OrgFacts,
  owner: {
    readonly account: AccountId;
    readonly accountKey: AccountKey;
    readonly device: Certificate;
  },
  at: At,
): void {
  setAccountKey(facts, owner.account, { position: at.position, value: owner.accountKey });
  certifyDevice(facts, owner.device, at);
  setRole(facts, { account: owner.account, scope: orgScope, role: "owner" }, at.position);
}
