import { rulesErrors } from "../errors.ts";
import { accountAt } from "../state/devices.ts";
import { certifyDevice } from "../state/effects.ts";
import {
  certificateKeys,
  checkFreshKeys,
  checkNotExpired,
  parseCertificate,
} from "./certificate.ts";
import { deviceVersion } from "./device-revoked.ts";
import { type BodyOf, type Judgement, type StatementContext, signingDevice } from "./judgement.ts";

/** A further device: the account key and a live device of the same account vouch for it. */
export function judgeDeviceCertified(
  context: StatementContext,
  body: BodyOf<"deviceCertified">,
): Judgement {
  const certificate = parseCertificate(body.device);
  const signer = signingDevice(context);
  const { state, position, timeMs } = context;
  const account = accountAt(state, { account: certificate.account, at: position });
  if (account === undefined || signer.certificate.account !== certificate.account) {
    throw rulesErrors.ERR_POLICY_STATEMENT_RIGHT(
      "a device is certified by a device of its own account",
    );
  }
  return {
    signers: [[account.key], [signer.certificate.statementKey]],
    version: deviceVersion(state.devices.get(certificate.device)),
    onlyVersion: 0,
    check: () => {
      checkNotExpired(certificate, timeMs);
      if (!state.devices.has(certificate.device))
        checkFreshKeys(state, certificateKeys(body.device));
      return (facts) => certifyDevice(facts, certificate, { position, timeMs });
    },
  };
}
