import { kitErrors } from "../errors.ts";
import { checkLifetime, encodeNatsJwt } from "./encode.ts";
import type { Nkey } from "./nkey-codec.ts";
import type { NkeySigner } from "./nkey-pair.ts";

export interface UserJwtInput {
  readonly user: Nkey<"user">;
  readonly account: Nkey<"account">;
  readonly name: string;
  /** `key:value` each; the scope's template makes subjects of the values. */
  readonly tags: readonly string[];
  readonly issuedAtSeconds: number;
  readonly expiresAtSeconds: number;
}

/** `key:value`, both lowercase: no wildcard, no dot, nothing that could end a subject's token. */
const tagPattern = /^[a-z]{1,16}:[a-z0-9_-]{1,64}$/;

/**
 * A user token under a scoped signing key: it holds no permission of its own, since the server
 * refuses any beside the scope's.
 */
export function encodeUserJwt(input: UserJwtInput, signer: NkeySigner<"account">): string {
  checkLifetime(input.issuedAtSeconds, input.expiresAtSeconds);
  if (input.tags.some((tag) => !tagPattern.test(tag))) {
    throw kitErrors.ERR_JWT_CLAIMS("a tag is key:value in lowercase letters, digits, _ and -");
  }
  return encodeNatsJwt(
    {
      subject: input.user,
      name: input.name,
      type: "user",
      issuedAtSeconds: input.issuedAtSeconds,
      expiresAtSeconds: input.expiresAtSeconds,
      nats: {
        issuer_account: input.account,
        ...(input.tags.length === 0 ? {} : { tags: input.tags }),
      },
    },
    signer,
  );
}
