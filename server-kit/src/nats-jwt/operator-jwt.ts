import { kitErrors } from "../errors.ts";
import { encodeNatsJwt } from "./encode.ts";
import type { Nkey } from "./nkey-codec.ts";
import type { NkeySigner } from "./nkey-pair.ts";

export interface OperatorJwtInput {
  readonly name: string;
  readonly systemAccount: Nkey<"account">;
  /** Keys that sign accounts from day to day; the root only signs this token. */
  readonly signingKeys: readonly Nkey<"operator">[];
  readonly issuedAtSeconds: number;
}

/** The operator's self-signed token: with strict signing keys its root may stay offline. */
export function encodeOperatorJwt(input: OperatorJwtInput, root: NkeySigner<"operator">): string {
  if (input.signingKeys.length === 0) {
    throw kitErrors.ERR_JWT_CLAIMS(
      "an operator needs a signing key, so that its root stays offline",
    );
  }
  return encodeNatsJwt(
    {
      subject: root.publicKey,
      name: input.name,
      type: "operator",
      issuedAtSeconds: input.issuedAtSeconds,
      nats: {
        signing_keys: input.signingKeys,
        system_account: input.systemAccount,
        strict_signing_key_usage: true,
      },
    },
    root,
  );
}
