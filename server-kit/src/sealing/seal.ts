import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { markSealed, type Sealed, SecretBytes } from "@cloister/base";
import { sealingErrors } from "./sealing-errors.ts";

export const SEALING_KEY_BYTES = 32;

const version = 1;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + nonceBytes;

/** What sealing adds to a plaintext. */
export const SEAL_OVERHEAD_BYTES = headBytes + tagBytes;

/**
 * AES-256-GCM under one key with random nonces: version ‖ nonce ‖ ciphertext ‖ tag. The purpose is
 * authenticated, so bytes sealed for one place do not open in another. One key seals at most 2^32
 * times (NIST SP 800-38D §8.3).
 */
export class SealingKey implements Disposable {
  readonly #key: SecretBytes;

  private constructor(key: SecretBytes) {
    this.#key = key;
  }

  static generate(): SealingKey {
    return SealingKey.from(SecretBytes.from(randomBytes(SEALING_KEY_BYTES)));
  }

  /** Takes ownership of the secret. */
  static from(key: SecretBytes): SealingKey {
    if (key.lengthBytes !== SEALING_KEY_BYTES) {
      throw sealingErrors.ERR_SEALED_MALFORMED(`a sealing key has ${SEALING_KEY_BYTES} bytes`);
    }
    return new SealingKey(key);
  }

  /**
   * The key of one place (HKDF, RFC 5869): what is sealed often there, such as a nonce a request,
   * uses up no other place's 2^32.
   */
  derive(place: string): SealingKey {
    const info = `cloister/v1/sealing-key\0${place}`;
    const derived = this.#key.expose((key) =>
      hkdfSync("sha256", key, new Uint8Array(0), info, SEALING_KEY_BYTES),
    );
    return SealingKey.from(SecretBytes.from(new Uint8Array(derived)));
  }

  sealBytes(purpose: string, plaintext: Uint8Array): Sealed {
    const nonce = randomBytes(nonceBytes);
    const cipher = this.#key.expose((key) => createCipheriv("aes-256-gcm", key, nonce));
    cipher.setAAD(associatedData(purpose));
    const parts = [Uint8Array.of(version), nonce, cipher.update(plaintext), cipher.final()];
    return markSealed(Uint8Array.from(Buffer.concat([...parts, cipher.getAuthTag()])));
  }

  /** Throws unless these bytes were sealed by this key for this purpose. */
  openSealed(purpose: string, sealed: Uint8Array): SecretBytes {
    if (sealed.length < SEAL_OVERHEAD_BYTES || sealed[0] !== version) {
      throw sealingErrors.ERR_SEALED_MALFORMED("not sealed bytes of version 1");
    }
    const nonce = sealed.subarray(1, headBytes);
    const decipher = this.#key.expose((key) =>
      createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes }),
    );
    decipher.setAAD(associatedData(purpose));
    decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
    const opened = decipher.update(sealed.subarray(headBytes, sealed.length - tagBytes));
    try {
      decipher.final();
    } catch {
      opened.fill(0);
      throw sealingErrors.ERR_SEALED_FOREIGN(`the sealed bytes of ${purpose} do not open`);
    }
    return SecretBytes.from(opened);
  }

  /** For wrapping this key under another; the bytes must not be kept. */
  exposeKey<T>(use: (key: Uint8Array) => T): T {
    return this.#key.expose(use);
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]();
  }
}

function associatedData(purpose: string): Buffer {
  return Buffer.from(`cloister/v1/sealed\0${purpose}`, "utf8");
}
