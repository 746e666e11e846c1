import {
  type AccountId,
  type DeviceId,
  idBytes,
  type KeyRole,
  publicKeyFromBytes,
  type Random,
  SecretBytes,
  type Signer,
} from "@cloister/base";
import type { statementsV1 } from "@cloister/proto";
import type { CryptoPort } from "../ports.ts";

const SEED_BYTES = 32;

/** One key a purpose (rule 2); none is ever used for another. */
export interface DeviceKeys extends Disposable {
  readonly statement: SecretBytes;
  readonly leaf: SecretBytes;
  readonly nkey: SecretBytes;
}

export function createDeviceKeys(random: Random): DeviceKeys {
  return ownDeviceKeys({
    statement: SecretBytes.random(random, SEED_BYTES),
    leaf: SecretBytes.random(random, SEED_BYTES),
    nkey: SecretBytes.random(random, SEED_BYTES),
  });
}

export function ownDeviceKeys(keys: Omit<DeviceKeys, typeof Symbol.dispose>): DeviceKeys {
  return {
    ...keys,
    [Symbol.dispose]() {
      keys.statement[Symbol.dispose]();
      keys.leaf[Symbol.dispose]();
      keys.nkey[Symbol.dispose]();
    },
  };
}

type PublicOf = Pick<CryptoPort, "ed25519PublicKey">;

export function rawPublicKey(seed: SecretBytes, crypto: PublicOf): Uint8Array {
  return seed.expose((bytes) => crypto.ed25519PublicKey(bytes));
}

/** A signer that borrows the seed: the caller keeps it alive and erases it. */
export function createSigner<Role extends KeyRole>(
  role: Role,
  seed: SecretBytes,
  crypto: Pick<CryptoPort, "ed25519PublicKey" | "ed25519Sign">,
): Signer<Role> {
  const publicKey = publicKeyFromBytes(role, rawPublicKey(seed, crypto));
  return {
    publicKey,
    sign: async (input) => seed.expose((bytes) => crypto.ed25519Sign(bytes, input)),
  };
}

/** What the log is to certify. Never expires: an end is stated by DeviceRevoked. */
export function certificateOf(options: {
  readonly device: DeviceId;
  readonly account: AccountId;
  readonly keys: DeviceKeys;
  readonly crypto: PublicOf;
}): statementsV1.DeviceCertificate {
  const { keys, crypto } = options;
  return {
    deviceId: idBytes(options.device),
    accountId: idBytes(options.account),
    statementKey: rawPublicKey(keys.statement, crypto),
    leafKey: rawPublicKey(keys.leaf, crypto),
    nkey: rawPublicKey(keys.nkey, crypto),
    expiresMs: 0n,
  };
}
