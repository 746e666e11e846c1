import type { Sealed } from "@cloister/base";
import { clientErrors } from "../errors.ts";
import { MAX_STORE_VALUE_BYTES } from "../limits.ts";

/**
 * A stored value, version 1: magic (4) ‖ nonce (12) ‖ AES-256-GCM ciphertext and tag (≥ 16).
 * The magic is no valid start of UTF-8, of JSON or of a protobuf message of ours.
 */
export const sealedMagic: readonly number[] = [0xc1, 0xff, 0x5e, 0x01];
export const SEALED_NONCE_BYTES = 12;
export const SEALED_HEADER_BYTES = sealedMagic.length + SEALED_NONCE_BYTES;
export const SEALED_TAG_BYTES = 16;

/** For store adapters: throws on anything that this package did not seal. [F90] */
export function assertSealed(value: Uint8Array): asserts value is Sealed {
  const isShaped =
    value.length >= SEALED_HEADER_BYTES + SEALED_TAG_BYTES &&
    value.length <= MAX_STORE_VALUE_BYTES &&
    sealedMagic.every((byte, index) => value[index] === byte);
  if (!isShaped) {
    throw clientErrors.ERR_STORE_PLAINTEXT("a store takes sealed values only");
  }
}
