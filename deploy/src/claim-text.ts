import { formatBase64Url, formatHex, parseBase64Url, parseHex } from "@cloister/base";
import { deployErrors } from "./errors.ts";

/** What founds an org on a box: where it is, whom TLS trusts there, and the secret good for once. */
export interface Claim {
  readonly gatewayUrl: string;
  /** SHA-256 of the DER of the box's authority. */
  readonly caSha256: Uint8Array;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

const SCHEME = "cloister-claim:";
const MAX_CHARS = 512;

/** `cloister-claim:https://host:port#<secret, base64url>.<CA hash, hex>` */
export function formatClaim(claim: Claim): string {
  const { gatewayUrl, secret, caSha256 } = claim;
  return `${SCHEME}${gatewayUrl}#${formatBase64Url(secret)}.${formatHex(caSha256)}`;
}

export function parseClaim(text: string): Claim {
  const trimmed = text.trim();
  if (trimmed.length > MAX_CHARS || !trimmed.startsWith(SCHEME)) throw malformed();
  const [address = "", fragment = ""] = trimmed.slice(SCHEME.length).split("#");
  const [secretText = "", hashText = ""] = fragment.split(".");
  try {
    const url = new URL(address);
    const claim = {
      gatewayUrl: url.origin,
      caSha256: parseHex(hashText),
      secret: parseBase64Url(secretText),
    };
    const isWhole = claim.caSha256.length === 32 && claim.secret.length === 32;
    if (url.protocol === "https:" && isWhole) return claim;
  } catch (cause) {
    throw malformed(cause);
  }
  throw malformed();
}

function malformed(cause?: unknown): Error {
  return deployErrors.ERR_CLAIM_MALFORMED("this is no claim code", { cause });
}
