import {
  type AccountId,
  type KeyRole,
  newAccountId,
  newDeviceId,
  publicKeyFromBytes,
  type Random,
  type Signer,
} from "@cloister/base";
import { userNkeyFromBytes } from "@cloister/proto";
import { ed25519 } from "@noble/curves/ed25519.js";
import type { Certificate, OwnerFact } from "../state/facts.ts";

/** A key pair in memory, for tests alone. */
export interface TestKey<Role extends KeyRole = KeyRole> extends Signer<Role> {
  readonly seed: Uint8Array;
}

export function testKey<Role extends KeyRole>(role: Role, random: Random): TestKey<Role> {
  const seed = random.bytes(32);
  return {
    seed,
    publicKey: publicKeyFromBytes(role, ed25519.getPublicKey(seed)),
    sign: (input) => Promise.resolve(ed25519.sign(input, seed)),
  };
}

/** A device with all its secrets. */
export interface TestDevice {
  readonly certificate: Certificate;
  readonly statement: TestKey<"statement">;
  readonly leaf: TestKey<"leaf">;
  /** Seed of the NATS user nkey. */
  readonly nkeySeed: Uint8Array;
}

export interface TestAccount {
  readonly id: AccountId;
  /** Newest last: a revocation adds one. */
  readonly keys: TestKey<"account">[];
  readonly devices: TestDevice[];
}

export function testDevice(account: AccountId, random: Random): TestDevice {
  const statement = testKey("statement", random);
  const leaf = testKey("leaf", random);
  const nkeySeed = random.bytes(32);
  const certificate: Certificate = {
    device: newDeviceId(random),
    account,
    statementKey: statement.publicKey,
    leafKey: leaf.publicKey,
    nkey: userNkeyFromBytes(ed25519.getPublicKey(nkeySeed)),
    expiresMs: undefined,
  };
  return { certificate, statement, leaf, nkeySeed };
}

export function testAccount(random: Random): TestAccount {
  const id = newAccountId(random);
  return { id, keys: [testKey("account", random)], devices: [testDevice(id, random)] };
}

export function firstDevice(account: TestAccount): TestDevice {
  const [device] = account.devices;
  if (device === undefined) throw new TypeError("the test account has no device");
  return device;
}

export function accountKey(account: TestAccount): TestKey<"account"> {
  const key = account.keys.at(-1);
  if (key === undefined) throw new TypeError("the test account has no key");
  return key;
}

export function ownerFact(account: TestAccount): OwnerFact {
  return {
    account: account.id,
    accountKey: accountKey(account).publicKey,
    device: firstDevice(account).certificate,
  };
}

/** A gateway or relay as the log authorises it. */
export interface TestService<Role extends "gateway" | "relay"> {
  readonly key: TestKey<Role>;
  /** Seed of the NATS account signing key that the service holds for the org. */
  readonly natsSeed: Uint8Array;
  readonly natsSigningKey: Uint8Array;
}

export function testService<Role extends "gateway" | "relay">(
  role: Role,
  random: Random,
): TestService<Role> {
  const key = testKey(role, random);
  const natsSeed = random.bytes(32);
  return { key, natsSeed, natsSigningKey: ed25519.getPublicKey(natsSeed) };
}
