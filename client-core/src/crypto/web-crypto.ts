import { createSha256, sha256, verifyWithNoble } from "@cloister/base";
import { ed25519 } from "@noble/curves/ed25519.js";
import type { AeadKey, AeadMessage, CryptoPort } from "../ports.ts";

/** The part of WebCrypto that is used; this package takes types from no platform. */
interface SubtleCrypto {
  importKey(
    format: "raw",
    key: Uint8Array,
    algorithm: { readonly name: "AES-GCM" },
    extractable: false,
    usages: readonly ("encrypt" | "decrypt")[],
  ): Promise<object>;
  encrypt(algorithm: GcmParams, key: object, data: Uint8Array): Promise<ArrayBuffer>;
  decrypt(algorithm: GcmParams, key: object, data: Uint8Array): Promise<ArrayBuffer>;
}

interface GcmParams {
  readonly name: "AES-GCM";
  readonly iv: Uint8Array;
  readonly additionalData?: Uint8Array;
}

declare const crypto: { readonly subtle: SubtleCrypto };

/** What works on every platform: WebCrypto for AES, @noble for the rest. Node passes native ones. */
export function webCrypto(): CryptoPort {
  return {
    sha256,
    createSha256,
    verify: verifyWithNoble,
    ed25519PublicKey: (seed) => ed25519.getPublicKey(seed),
    ed25519Sign: (seed, message) => ed25519.sign(message, seed),
    importAeadKey: importKey,
  };
}

async function importKey(bytes: Uint8Array): Promise<AeadKey> {
  const key = await crypto.subtle.importKey("raw", bytes, { name: "AES-GCM" }, false, [
    "encrypt",
    "decrypt",
  ]);
  return {
    async seal(message) {
      return new Uint8Array(await crypto.subtle.encrypt(params(message), key, message.data));
    },
    async open(message) {
      return new Uint8Array(await crypto.subtle.decrypt(params(message), key, message.data));
    },
  };
}

function params({ nonce, aad }: AeadMessage): GcmParams {
  const base = { name: "AES-GCM", iv: nonce } as const;
  return aad === undefined ? base : { ...base, additionalData: aad };
}
