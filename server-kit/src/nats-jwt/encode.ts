import { createHash } from "node:crypto";
import { kitErrors } from "../errors.ts";
import { MAX_CLAIM_NAME_CHARS } from "../limits.ts";
import type { NatsJwtType } from "./claims.ts";
import { formatUpperBase32 } from "./nkey-codec.ts";
import type { NkeySigner } from "./nkey-pair.ts";

const header = Buffer.from('{"typ":"JWT","alg":"ed25519-nkey"}').toString("base64url");

export interface TokenContents {
  readonly subject: string;
  readonly name: string;
  readonly type: NatsJwtType;
  readonly issuedAtSeconds: number;
  readonly expiresAtSeconds?: number | undefined;
  /** The claims of this type, without `type` and `version`, which are added here. */
  readonly nats: object;
}

/** Version 2 of NATS JWTs: header and claims in UTF-8 JSON, signature over `header.claims`. */
export function encodeNatsJwt(contents: TokenContents, signer: NkeySigner): string {
  checkName(contents.name);
  const claims = {
    ...(contents.expiresAtSeconds === undefined ? {} : { exp: contents.expiresAtSeconds }),
    iat: contents.issuedAtSeconds,
    iss: signer.publicKey,
    name: contents.name,
    sub: contents.subject,
    nats: { ...contents.nats, type: contents.type, version: 2 },
  };
  // The id need only differ between tokens; the servers do not recompute it.
  const digest = createHash("sha512-256").update(JSON.stringify(claims)).digest();
  const body = Buffer.from(JSON.stringify({ jti: formatUpperBase32(digest), ...claims }));
  const signed = `${header}.${body.toString("base64url")}`;
  const signature = Buffer.from(signer.sign(Buffer.from(signed)));
  return `${signed}.${signature.toString("base64url")}`;
}

function checkName(name: string): void {
  if (name.length === 0 || name.length > MAX_CLAIM_NAME_CHARS || !name.isWellFormed()) {
    throw kitErrors.ERR_JWT_CLAIMS(`a name has 1 to ${MAX_CLAIM_NAME_CHARS} characters`);
  }
}

export function checkLifetime(issuedAtSeconds: number, expiresAtSeconds: number): void {
  if (!Number.isSafeInteger(issuedAtSeconds) || !Number.isSafeInteger(expiresAtSeconds)) {
    throw kitErrors.ERR_JWT_CLAIMS("times in a token are whole seconds");
  }
  if (expiresAtSeconds <= issuedAtSeconds) {
    throw kitErrors.ERR_JWT_CLAIMS("a token must expire after it was issued");
  }
}
