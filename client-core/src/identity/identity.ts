import {
  type AccountId,
  type DeviceId,
  type LogKey,
  type OrgId,
  parseAccountId,
  parseDeviceId,
  parseOrgId,
  parsePublicKey,
  SecretBytes,
  type Signer,
} from "@cloister/base";
import { type UserNkey, userNkeyFromBytes } from "@cloister/proto";
import { clientErrors } from "../errors.ts";
import type { CryptoPort } from "../ports.ts";
import { encodeStored, fieldsOf, parseStored, storedBytes } from "../store/frame.ts";
import { storeKeys } from "../store/keys.ts";
import type { SealedStore } from "../store/seal-store.ts";
import { createSigner, type DeviceKeys, ownDeviceKeys, rawPublicKey } from "./keys.ts";
import type { IdentityView } from "./setup-types.ts";

/** What a store belongs to, with its secrets. */
export interface Identity extends IdentityView, Disposable {
  readonly logKey: LogKey;
  readonly keys: DeviceKeys;
  /** Absent on a device that was added by another and does not hold it. */
  readonly accountSeed: SecretBytes | undefined;
}

export interface Signers {
  readonly statement: Signer<"statement">;
  readonly account: Signer<"account"> | undefined;
  readonly nkey: UserNkey;
}

export function signersOf(identity: Identity, crypto: CryptoPort): Signers {
  return {
    statement: createSigner("statement", identity.keys.statement, crypto),
    account:
      identity.accountSeed === undefined
        ? undefined
        : createSigner("account", identity.accountSeed, crypto),
    nkey: userNkeyFromBytes(rawPublicKey(identity.keys.nkey, crypto)),
  };
}

/** The stored form, version 1; sealed by the store that it goes into. */
export function encodeIdentity(identity: Identity): Uint8Array {
  const seed = (secret: SecretBytes): string => secret.expose((bytes) => storedBytes(bytes));
  return encodeStored({
    org: identity.orgId,
    orgName: identity.orgName,
    account: identity.accountId,
    device: identity.deviceId,
    personName: identity.personName,
    gatewayUrl: identity.gatewayUrl,
    caSha256: identity.caSha256 === undefined ? null : storedBytes(identity.caSha256),
    logKey: identity.logKey,
    statementSeed: seed(identity.keys.statement),
    leafSeed: seed(identity.keys.leaf),
    nkeySeed: seed(identity.keys.nkey),
    accountSeed: identity.accountSeed === undefined ? null : seed(identity.accountSeed),
  });
}

export function parseIdentity(bytes: Uint8Array): Identity {
  const fields = fieldsOf(parseStored(bytes).header);
  const secret = (name: string): SecretBytes => SecretBytes.from(fields.bytes(name));
  const keys = ownDeviceKeys({
    statement: secret("statementSeed"),
    leaf: secret("leafSeed"),
    nkey: secret("nkeySeed"),
  });
  const account = fields.optionalBytes("accountSeed");
  return ownIdentity({
    orgId: parseOrgId(fields.text("org")) satisfies OrgId,
    orgName: fields.text("orgName"),
    accountId: parseAccountId(fields.text("account")) satisfies AccountId,
    deviceId: parseDeviceId(fields.text("device")) satisfies DeviceId,
    personName: fields.text("personName"),
    gatewayUrl: fields.text("gatewayUrl"),
    caSha256: fields.optionalBytes("caSha256"),
    logKey: parsePublicKey("log", fields.text("logKey")),
    keys,
    accountSeed: account === undefined ? undefined : SecretBytes.from(account),
  });
}

export function ownIdentity(identity: Omit<Identity, typeof Symbol.dispose>): Identity {
  return {
    ...identity,
    [Symbol.dispose]() {
      identity.keys[Symbol.dispose]();
      identity.accountSeed?.[Symbol.dispose]();
    },
  };
}

export async function readIdentity(store: SealedStore): Promise<Identity | undefined> {
  const bytes = await store.get(storeKeys.identity);
  return bytes === undefined ? undefined : parseIdentity(bytes);
}

/** The public half, safe to hand out. */
export function viewOf(identity: IdentityView): IdentityView {
  const { orgId, orgName, accountId, deviceId, personName, gatewayUrl, caSha256 } = identity;
  return { orgId, orgName, accountId, deviceId, personName, gatewayUrl, caSha256 };
}

/** A store belongs to one account for good. */
export async function refuseSecondIdentity(store: SealedStore): Promise<void> {
  if ((await store.get(storeKeys.identity)) !== undefined) {
    throw clientErrors.ERR_IDENTITY_EXISTS("this store already holds an identity");
  }
}
