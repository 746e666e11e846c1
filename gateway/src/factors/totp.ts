import { type EpochMs, parseUtf8, randomBytes } from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import { Secret, TOTP } from "otpauth";
import { gatewayErrors } from "../errors.ts";
import type {
  Enrolment,
  EnrolmentInput,
  FactorMethod,
  Presentation,
  PresentationInput,
} from "./factor.ts";

/** RFC 4226 §4, R6: 160 bits. */
const secretBytes = 20;
const stepMs = 30_000;
/** One step each way, RFC 6238 §5.2. */
const windowSteps = 1;
const codePattern = /^[0-9]{6}$/;

/** Secret, then the last step that counted: 8 bytes, big-endian; 0 before the first. */
const stateBytes = secretBytes + 8;

/**
 * TOTP (RFC 6238): SHA-1, six digits, 30 s, which every authenticator knows. A step counts once,
 * and none before it counts afterwards (§5.2).
 */
export const totpFactor: FactorMethod = {
  factor: statementsV1.Factor.FACTOR_TOTP,
  name: "totp",
  enrol: enrolTotp,
  present: presentTotp,
};

function enrolTotp(input: EnrolmentInput): Enrolment {
  const state = new Uint8Array(stateBytes);
  state.set(randomBytes(input.random, secretBytes));
  const totp = totpOf(state, { issuer: input.orgName, label: input.accountLabel });
  return { state, provisioning: totp.toString() };
}

function presentTotp(input: PresentationInput): Presentation {
  checkLength(input.state);
  const lastStep = lastStepOf(input.state);
  const step = matchingStep(input);
  if (step === undefined) return { kind: "wrong" };
  if (step <= lastStep) return { kind: "used" };
  return { kind: "accepted", state: withLastStep(input.state, step) };
}

function checkLength(state: Uint8Array): void {
  if (state.length !== stateBytes) {
    throw gatewayErrors.ERR_STATE_MALFORMED("a stored TOTP has another length");
  }
}

function matchingStep(input: PresentationInput): bigint | undefined {
  const token = codeOf(input.proof);
  if (token === undefined) return undefined;
  // The library compares in constant time, and tells how many steps away the code was.
  const delta = totpOf(input.state).validate({ token, timestamp: input.now, window: windowSteps });
  return delta === null ? undefined : currentStep(input.now) + BigInt(delta);
}

function codeOf(proof: Uint8Array): string | undefined {
  if (proof.length !== 6) return undefined;
  try {
    const text = parseUtf8(proof);
    return codePattern.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

function totpOf(state: Uint8Array, names: { issuer?: string; label?: string } = {}): TOTP {
  const secret = new Secret({ buffer: Uint8Array.from(state.subarray(0, secretBytes)).buffer });
  return new TOTP({ ...names, secret, algorithm: "SHA1", digits: 6, period: stepMs / 1_000 });
}

function currentStep(now: EpochMs): bigint {
  return BigInt(Math.floor(now / stepMs));
}

function lastStepOf(state: Uint8Array): bigint {
  return new DataView(state.buffer, state.byteOffset).getBigUint64(secretBytes);
}

function withLastStep(state: Uint8Array, step: bigint): Uint8Array {
  const next = Uint8Array.from(state);
  new DataView(next.buffer).setBigUint64(secretBytes, step);
  return next;
}
