import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { type GatewayKey, publicKeyFromBytes, SecretBytes, type Signer } from "@cloister/base";

/** DER of an Ed25519 private key up to its 32 bytes (RFC 8410 §7). */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");
const spkiHeadBytes = 12;

/** Signs sessions, grants and passes of one org. */
export class GatewayKeyPair implements Signer<"gateway"> {
  readonly publicKey: GatewayKey;
  readonly #privateKey: KeyObject;

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
    this.publicKey = publicKeyFromBytes("gateway", spki.subarray(spkiHeadBytes));
  }

  static fromSeed(seed: SecretBytes): GatewayKeyPair {
    return seed.expose((bytes) => {
      const key = Buffer.concat([pkcs8Head, bytes]);
      try {
        return new GatewayKeyPair(createPrivateKey({ key, format: "der", type: "pkcs8" }));
      } finally {
        key.fill(0);
      }
    });
  }

  sign(input: Uint8Array): Promise<Uint8Array> {
    return Promise.resolve(Uint8Array.from(sign(null, input, this.#privateKey)));
  }
}
