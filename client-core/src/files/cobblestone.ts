import { concatBytes, equalBytes, utf8Bytes } from "@cloister/base";
import { expand } from "@noble/hashes/hkdf.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { clientErrors } from "../errors.ts";

export const FILE_KEY_BYTES = 32;
export const FILE_SALT_BYTES = 24;
const NONCE_BYTES = 12;
const COMMITMENT_BYTES = 32;

/** `c2sp.org/chunked-encryption@v1`, instantiation Cobblestone-256. */
const infoPrefix = concatBytes(
  utf8Bytes("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM"),
  Uint8Array.of(0),
);

export interface SegmentKeys {
  readonly key: Uint8Array;
  readonly baseNonce: Uint8Array;
  readonly commitment: Uint8Array;
}

/** chunked-encryption, "Key derivation": HKDF-Expand with SHA-512. */
export function deriveSegmentKeys(input: {
  readonly fileKey: Uint8Array;
  readonly salt: Uint8Array;
  readonly context: Uint8Array;
}): SegmentKeys {
  const { fileKey, salt, context } = input;
  if (fileKey.length !== FILE_KEY_BYTES || salt.length !== FILE_SALT_BYTES) {
    throw clientErrors.ERR_FILE_TAMPERED("a file's key or salt has another length");
  }
  const lengthBytes = FILE_KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES;
  // HMAC fills a shorter key with zeros up to its block (RFC 2104 §2), so this is the same key to it;
  // the library wants one of the hash's own length.
  const prk = concatBytes(fileKey, new Uint8Array(sha512.outputLen - FILE_KEY_BYTES));
  const derived = expand(sha512, prk, concatBytes(infoPrefix, salt, context), lengthBytes);
  return {
    key: derived.slice(0, FILE_KEY_BYTES),
    baseNonce: derived.slice(FILE_KEY_BYTES, FILE_KEY_BYTES + NONCE_BYTES),
    commitment: derived.slice(FILE_KEY_BYTES + NONCE_BYTES),
  };
}

/** Salt ‖ commitment: what stands before the first segment. */
export function fileHeader(salt: Uint8Array, keys: SegmentKeys): Uint8Array {
  return concatBytes(salt, keys.commitment);
}

/** Throws unless this header was made with this key and context ("MUST check the commitment"). */
export function verifyFileHeader(
  header: Uint8Array,
  input: { readonly fileKey: Uint8Array; readonly context: Uint8Array },
): SegmentKeys {
  const keys = deriveSegmentKeys({ ...input, salt: header.slice(0, FILE_SALT_BYTES) });
  if (!equalBytes(keys.commitment, header.subarray(FILE_SALT_BYTES))) {
    throw clientErrors.ERR_FILE_TAMPERED("the file does not belong to this key and room");
  }
  return keys;
}

/** "AEAD usage": base nonce XOR the segment's number, big-endian. */
export function segmentNonce(baseNonce: Uint8Array, segment: number): Uint8Array {
  const nonce = Uint8Array.from(baseNonce);
  const view = new DataView(nonce.buffer);
  const low = NONCE_BYTES - 4;
  const high = NONCE_BYTES - 8;
  view.setUint32(low, view.getUint32(low) ^ (segment % 0x1_0000_0000));
  view.setUint32(high, view.getUint32(high) ^ Math.floor(segment / 0x1_0000_0000));
  return nonce;
}
