import {
  accountIdFromBytes,
  deviceIdFromBytes,
  type EpochMs,
  formatBase32,
  parseEpochMs,
  publicKeyFromBytes,
} from "@cloister/base";
import { type statementsV1, userNkeyFromBytes } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import type { Certificate, OwnerFact } from "../state/facts.ts";
import type { OrgState } from "../state/org-state.ts";

export function parseCertificate(
  certificate: statementsV1.DeviceCertificate | undefined,
): Certificate {
  if (certificate === undefined) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT("the device's certificate is missing");
  }
  return {
    device: deviceIdFromBytes(certificate.deviceId),
    account: accountIdFromBytes(certificate.accountId),
    statementKey: publicKeyFromBytes("statement", certificate.statementKey),
    leafKey: publicKeyFromBytes("leaf", certificate.leafKey),
    nkey: userNkeyFromBytes(certificate.nkey),
    expiresMs: parseOptionalMs(certificate.expiresMs),
  };
}

export function parseOwner(owner: statementsV1.Owner): OwnerFact {
  const account = accountIdFromBytes(owner.accountId);
  const device = parseCertificate(owner.device);
  if (device.account !== account) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT("an owner's device names another account");
  }
  return { account, accountKey: publicKeyFromBytes("account", owner.accountKey), device };
}

export function certificateKeys(
  certificate: statementsV1.DeviceCertificate | undefined,
): Uint8Array[] {
  return certificate === undefined
    ? []
    : [certificate.statementKey, certificate.leafKey, certificate.nkey];
}

/** How a key stands in `usedKeys`: without a role, for a key of one role is none of another. */
export function usedKey(key: Uint8Array): string {
  return formatBase32(key);
}

/** Throws if a key served any purpose before, or two purposes now: one key, one purpose. */
export function checkFreshKeys(state: OrgState | undefined, keys: readonly Uint8Array[]): void {
  const names = keys.map(usedKey);
  const isReused = names.some((name) => state?.usedKeys.has(name) === true);
  if (isReused || new Set(names).size !== names.length) {
    throw rulesErrors.ERR_VERIFICATION_KEY_REUSED("a key of this statement is in use already");
  }
}

/** Throws if the certificate has run out before it begins. */
export function checkNotExpired(certificate: Certificate, timeMs: EpochMs): void {
  if (certificate.expiresMs !== undefined && certificate.expiresMs <= timeMs) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT("the certificate has expired in log time");
  }
}

function parseOptionalMs(value: bigint): EpochMs | undefined {
  return value === 0n ? undefined : parseEpochMs(value);
}
