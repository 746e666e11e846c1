import { accountIdFromBytes, deviceIdFromBytes, publicKeyFromBytes } from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import { accountAt } from "../state/devices.ts";
import { setAccountKey } from "../state/effects.ts";
import type { DeviceFact } from "../state/facts.ts";
import { checkFreshKeys } from "./certificate.ts";
import { type BodyOf, type Judgement, type StatementContext, signingDevice } from "./judgement.ts";

/** Another device of the account ends one, and the account key with it: whoever has the old key certifies nothing more. */
export function judgeDeviceRevoked(
  context: StatementContext,
  body: BodyOf<"deviceRevoked">,
): Judgement {
  const { state, position } = context;
  const accountId = accountIdFromBytes(body.accountId);
  const device = deviceIdFromBytes(body.deviceId);
  const newKey = publicKeyFromBytes("account", body.newAccountKey);
  const signer = signingDevice(context);
  const account = accountAt(state, { account: accountId, at: position });
  if (account === undefined || signer.certificate.account !== accountId) {
    throw rulesErrors.ERR_POLICY_STATEMENT_RIGHT(
      "a device is revoked by a device of its own account",
    );
  }
  if (signer.certificate.device === device) {
    throw rulesErrors.ERR_POLICY_STATEMENT_RIGHT("a device is revoked by another one");
  }
  const fact = state.devices.get(device);
  if (fact === undefined || fact.certificate.account !== accountId) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT("the account has no such device");
  }
  return {
    signers: [[account.key], [signer.certificate.statementKey], [newKey]],
    version: deviceVersion(fact),
    onlyVersion: 1,
    check: () => {
      if (fact.revokedAt !== undefined) {
        throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT("the device is revoked already");
      }
      checkFreshKeys(state, [body.newAccountKey]);
      return (facts) => {
        const revoked = facts.devices.get(device);
        if (revoked !== undefined) revoked.revokedAt = position;
        setAccountKey(facts, accountId, { position, value: newKey });
      };
    },
  };
}

/** 0 before it is certified, 1 while it lives, 2 once revoked. */
export function deviceVersion(device: Readonly<DeviceFact> | undefined): number {
  if (device === undefined) return 0;
  return device.revokedAt === undefined ? 1 : 2;
}
