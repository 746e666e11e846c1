import {
  type KeyRole,
  type OrgId,
  type PublicKey,
  type Signer,
  signingInput,
  verifySignature,
} from "@cloister/base";
import { commonV1, parseMessage } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { MAX_TOKEN_BYTES } from "../limits.ts";
import type { OrgState } from "../state/org-state.ts";
import { orgOf } from "../state/org-state.ts";

/** Signed types that travel as `common.v1.Signed`. */
export type EnvelopeType = "checkpoint" | "session" | "grant" | "pass";

/** Reads the envelope and throws unless it says it is of this type; verifies nothing. */
export function parseSigned(type: EnvelopeType, bytes: Uint8Array): commonV1.Signed {
  const signed = parseMessage("cloister.common.v1.Signed", bytes, MAX_TOKEN_BYTES);
  if (signed.type !== type) {
    throw rulesErrors.ERR_VERIFICATION_TOKEN_TYPE(`expected a signed ${type}`);
  }
  return signed;
}

/** Signs payload bytes as they are and wraps them. */
export async function signEnvelope<Role extends KeyRole>(
  type: EnvelopeType,
  { org, payload }: { readonly org: OrgId; readonly payload: Uint8Array },
  signer: Signer<Role>,
): Promise<Uint8Array> {
  const signature = await signer.sign(signingInput(type, org, payload));
  return commonV1.Signed.encode({ type, payload, signature }).finish();
}

/** Throws ERR_VERIFICATION_TOKEN_SIGNATURE unless `publicKey` signed the payload as this type for this org. */
export function verifyEnvelope(
  state: OrgState,
  signed: { readonly type: string; readonly payload: Uint8Array; readonly signature: Uint8Array },
  publicKey: PublicKey,
): void {
  try {
    verifySignature({ ...signed, org: orgOf(state), publicKey }, state.crypto.verify);
  } catch (cause) {
    throw rulesErrors.ERR_VERIFICATION_TOKEN_SIGNATURE(
      `the signature of this ${signed.type} does not verify`,
      { cause },
    );
  }
}
