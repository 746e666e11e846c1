import { ed25519 } from "@noble/curves/ed25519.js";
import { baseErrors } from "./base-errors.ts";
import { concatBytes } from "./bytes.ts";
import { idBytes, type OrgId } from "./ids.ts";
import { type KeyRole, type PublicKey, publicKeyBytes } from "./keys.ts";
import {
  ED25519_PUBLIC_KEY_BYTES,
  ED25519_SIGNATURE_BYTES,
  MAX_SIGNED_TYPE_CHARS,
} from "./limits.ts";
import { utf8Bytes } from "./text.ts";

/**
 * Port: whoever holds the private key of a role. Asynchronous because WebCrypto and hardware are;
 * native signing in Node resolves at once.
 */
export interface Signer<Role extends KeyRole = KeyRole> {
  readonly publicKey: PublicKey<Role>;
  /** Ed25519 (RFC 8032 §5.1) over `input`, which {@link signingInput} made: 64 bytes. */
  sign(input: Uint8Array): Promise<Uint8Array>;
}

export interface SignatureCheck {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** Port: synchronous, because the rules that call it are pure functions. Never throws. */
export type Ed25519Verify = (check: SignatureCheck) => boolean;

/** The implementation that works everywhere; Node passes {@link strictEd25519} of its native one. */
export const verifyWithNoble: Ed25519Verify = ({ publicKey, message, signature }) => {
  if (!hasSignatureLengths({ publicKey, signature })) return false;
  // RFC 8032 leaves the cofactor to the implementer. With both points in the prime-order group the
  // two equations agree, so that relay and members never judge one signature differently.
  if (!isStrictPoint(publicKey) || !isStrictPoint(signature.subarray(0, 32))) return false;
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
};

/**
 * Makes a native cofactorless verification as strict as {@link verifyWithNoble}: the key must be a
 * canonical point of prime order. (R then is as well, since it is compared as bytes.) Remembers up
 * to `rememberedKeys` good keys, for the check costs more than the verification.
 */
export function strictEd25519(native: Ed25519Verify, rememberedKeys = 4096): Ed25519Verify {
  const strictKeys = new Set<string>();
  return (check) => {
    if (!hasSignatureLengths(check) || isIdentity(check.signature.subarray(0, 32))) return false;
    const key = String.fromCharCode(...check.publicKey);
    if (!strictKeys.has(key)) {
      if (!isStrictPoint(check.publicKey)) return false;
      if (strictKeys.size >= rememberedKeys) strictKeys.clear();
      strictKeys.add(key);
    }
    return native(check);
  };
}

function hasSignatureLengths(check: Omit<SignatureCheck, "message">): boolean {
  return (
    check.publicKey.length === ED25519_PUBLIC_KEY_BYTES &&
    check.signature.length === ED25519_SIGNATURE_BYTES
  );
}

/** Canonically encoded, in the prime-order group, and not the identity. */
function isStrictPoint(encoded: Uint8Array): boolean {
  try {
    const point = ed25519.Point.fromBytes(Uint8Array.from(encoded), false);
    return !isIdentity(encoded) && point.isTorsionFree();
  } catch {
    return false;
  }
}

/** The neutral element, 1 in little-endian. Native libraries differ on it as R, so nobody takes it. */
function isIdentity(encoded: Uint8Array): boolean {
  return encoded[0] === 1 && encoded.subarray(1).every((byte) => byte === 0);
}

const typePattern = /^[a-z][a-z0-9]*(?:[-./][a-z0-9]+)*$/;

/**
 * What every signature of ours covers: `cloister/v1/<type>\0` ‖ org id (32 bytes) ‖ payload as it
 * was received or stored. The payload is never encoded again.
 */
export function signingInput(
  type: string,
  org: OrgId,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (type.length > MAX_SIGNED_TYPE_CHARS || !typePattern.test(type)) {
    throw baseErrors.ERR_SIGNING_TYPE("malformed name of a signed type");
  }
  return concatBytes(utf8Bytes(`cloister/v1/${type}\0`), idBytes(org), payload);
}

export interface SignedPayload<Role extends KeyRole = KeyRole> {
  readonly type: string;
  readonly org: OrgId;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly publicKey: PublicKey<Role>;
}

/** Throws unless `publicKey` signed this payload as this type for this org. */
export function verifySignature(
  signed: SignedPayload,
  verify: Ed25519Verify = verifyWithNoble,
): void {
  const message = signingInput(signed.type, signed.org, signed.payload);
  const publicKey = publicKeyBytes(signed.publicKey);
  if (!verify({ publicKey, message, signature: signed.signature })) {
    throw baseErrors.ERR_SIGNATURE_INVALID(`the signature of this ${signed.type} does not verify`);
  }
}
