import { kitErrors } from "../errors.ts";
import { MAX_JWT_CHARS } from "../limits.ts";
import type { NatsClaims, NatsJwtType } from "./claims.ts";
import { isNkeySignature } from "./nkey-pair.ts";

/** A token taken apart; unverified. */
export interface DecodedNatsJwt {
  readonly claims: NatsClaims;
  readonly signedText: string;
  readonly signature: Uint8Array;
}

const jwtTypes: readonly string[] = ["operator", "account", "user"] satisfies NatsJwtType[];

/** Reads a version 2 token. Its signature is checked by {@link verifyNatsJwt}. */
export function parseNatsJwt(token: string): DecodedNatsJwt {
  if (token.length > MAX_JWT_CHARS) throw kitErrors.ERR_JWT_MALFORMED("the token is too long");
  const [head, body, signature, ...more] = token.split(".");
  if (head === undefined || body === undefined || signature === undefined || more.length > 0) {
    throw kitErrors.ERR_JWT_MALFORMED("a token has three parts");
  }
  const { typ, alg } = parseJsonPart(head);
  if (typ !== "JWT" || alg !== "ed25519-nkey") {
    throw kitErrors.ERR_JWT_MALFORMED("the token's header is not of a NATS JWT, version 2");
  }
  return {
    claims: parseClaims(parseJsonPart(body)),
    signedText: `${head}.${body}`,
    signature: parsePart(signature),
  };
}

function parsePart(text: string): Buffer {
  const bytes = Buffer.from(text, "base64url");
  // Node skips what is not in the alphabet; only one spelling of a part is taken.
  if (bytes.toString("base64url") !== text) {
    throw kitErrors.ERR_JWT_MALFORMED("a part of the token is not base64url");
  }
  return bytes;
}

function parseJsonPart(text: string): Record<string, unknown> {
  const bytes = parsePart(text);
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (isRecord(value)) return value;
  } catch {
    // The cause would quote the token.
  }
  throw kitErrors.ERR_JWT_MALFORMED("a part of the token is not a JSON object");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseClaims(value: Record<string, unknown>): NatsClaims {
  const { jti, iat, iss, sub, name, exp, nbf, nats } = value;
  const textsOk = [iss, sub].every((text) => typeof text === "string" && text !== "");
  const timesOk = [exp, nbf].every((time) => time === undefined || Number.isSafeInteger(time));
  if (!textsOk || !timesOk || !Number.isSafeInteger(iat) || !isRecord(nats)) {
    throw kitErrors.ERR_JWT_MALFORMED("a claim of the token is missing or of the wrong type");
  }
  const { type, version } = nats;
  if (version !== 2 || typeof type !== "string" || !jwtTypes.includes(type)) {
    throw kitErrors.ERR_JWT_MALFORMED("not an operator, account or user token of version 2");
  }
  return {
    jti: typeof jti === "string" ? jti : "",
    name: typeof name === "string" ? name : "",
    iat,
    iss,
    sub,
    nats,
    ...(exp === undefined || exp === 0 ? {} : { exp }),
    ...(nbf === undefined || nbf === 0 ? {} : { nbf }),
  } as NatsClaims;
}

export interface VerifyNatsJwtOptions {
  readonly type: NatsJwtType;
  /** Public keys whose signature counts. */
  readonly issuers: ReadonlySet<string>;
  readonly nowSeconds: number;
}

/** Returns the claims of a token that one of `issuers` signed, that is of `type` and in force. */
export function verifyNatsJwt(token: string, options: VerifyNatsJwtOptions): NatsClaims {
  const { claims, signedText, signature } = parseNatsJwt(token);
  if (claims.nats.type !== options.type) {
    throw kitErrors.ERR_JWT_ISSUER(`expected a token of type ${options.type}`);
  }
  if (!options.issuers.has(claims.iss)) {
    throw kitErrors.ERR_JWT_ISSUER("the token's issuer is not trusted here");
  }
  if (!isNkeySignature({ publicKey: claims.iss, data: Buffer.from(signedText), signature })) {
    throw kitErrors.ERR_JWT_SIGNATURE("the token's signature does not verify");
  }
  if (claims.exp !== undefined && claims.exp <= options.nowSeconds) {
    throw kitErrors.ERR_JWT_EXPIRED("the token has expired");
  }
  if (claims.nbf !== undefined && claims.nbf > options.nowSeconds) {
    throw kitErrors.ERR_JWT_NOT_YET_VALID("the token is not valid yet");
  }
  return claims;
}
