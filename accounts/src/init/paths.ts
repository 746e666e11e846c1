import { join } from "node:path";

/** Where the files of accounts lie in a box's state directory. */
export function accountsDir(stateDir: string): string {
  return join(stateDir, "accounts");
}

export function fleetPath(stateDir: string): string {
  return join(accountsDir(stateDir), "fleet.json");
}

export function claimsDir(stateDir: string): string {
  return join(accountsDir(stateDir), "claims");
}

/** Takes the folder itself, for it is also used on the draft of `initAccounts`. */
export function operatorKeyPath(directory: string): string {
  return join(directory, "operator-key.sealed");
}

export function dataKeyPath(directory: string): string {
  return join(directory, "data-key.sealed");
}

export function scopeKeyPath(directory: string, scope: string): string {
  return join(directory, "scope-keys", `${scope}.sealed`);
}

export function credentialsPath(directory: string, user: string): string {
  return join(directory, "credentials", `${user}.sealed`);
}

/** The sealed credentials of a service's user, for `readServiceCredentials`. */
export function serviceCredentialsPath(stateDir: string, user: string): string {
  return credentialsPath(accountsDir(stateDir), user);
}
