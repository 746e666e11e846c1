import {
  type AccountId,
  accountIdFromBytes,
  deviceIdFromBytes,
  newAccountId,
  newDeviceId,
  parseEpochMs,
  publicKeyFromBytes,
  SecretBytes,
  type Signer,
} from "@cloister/base";
import { type statementsV1, userNkeyFromBytes } from "@cloister/proto";
import type { Certificate } from "@cloister/rules";
import type { Identity } from "./identity.ts";
import { certificateOf, createDeviceKeys, createSigner } from "./keys.ts";
import type { SetupPorts } from "./setup-types.ts";

export const SEED_BYTES = 32;

/** Account and first device, made here and known to nobody yet. */
export interface AccountDraft {
  readonly accountId: AccountId;
  readonly deviceId: Identity["deviceId"];
  readonly personName: string;
  readonly keys: Identity["keys"];
  readonly accountSeed: SecretBytes;
  readonly certificate: statementsV1.DeviceCertificate;
}

export function newAccount(ports: SetupPorts, personName: string): AccountDraft {
  const accountId = newAccountId(ports.random);
  const deviceId = newDeviceId(ports.random);
  const keys = createDeviceKeys(ports.random);
  const accountSeed = SecretBytes.random(ports.random, SEED_BYTES);
  const certificate = certificateOf({
    device: deviceId,
    account: accountId,
    keys,
    crypto: ports.crypto,
  });
  return { accountId, deviceId, personName, keys, accountSeed, certificate };
}

export function accountSigner(ports: SetupPorts, seed: SecretBytes): Signer<"account"> {
  return createSigner("account", seed, ports.crypto);
}

/** From the message to the words of the rules. */
export function certificateFact(certificate: statementsV1.DeviceCertificate): Certificate {
  const { expiresMs } = certificate;
  return {
    device: deviceIdFromBytes(certificate.deviceId),
    account: accountIdFromBytes(certificate.accountId),
    statementKey: publicKeyFromBytes("statement", certificate.statementKey),
    leafKey: publicKeyFromBytes("leaf", certificate.leafKey),
    nkey: userNkeyFromBytes(certificate.nkey),
    expiresMs: expiresMs === 0n ? undefined : parseEpochMs(expiresMs),
  };
}
