import { randomUUID } from "node:crypto";
import type { NkeyPair } from "@cloister/server-kit";

/** Claims that no code of ours would sign: what a thief of a key, or a faulty issuer, could. */
export interface ForgedClaims {
  readonly sub: string;
  readonly iat?: number;
  readonly exp?: number;
  readonly nbf?: number;
  readonly iss?: string;
  readonly nats: object;
}

/** Signs any claims with any key, without a check. */
export function forgeJwt(claims: ForgedClaims, signer: NkeyPair): string {
  const header = base64url({ typ: "JWT", alg: "ed25519-nkey" });
  const body = base64url({
    jti: randomUUID(),
    iat: Math.floor(Date.now() / 1_000),
    iss: signer.publicKey,
    name: "forged",
    ...claims,
    nats: { version: 2, ...claims.nats },
  });
  const signature = signer.sign(Buffer.from(`${header}.${body}`));
  return `${header}.${body}.${Buffer.from(signature).toString("base64url")}`;
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
