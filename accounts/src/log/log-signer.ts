import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import {
  type PublicKey,
  parseBase64Url,
  publicKeyFromBytes,
  SecretBytes,
  type Signer,
} from "@cloister/base";

/** DER of an Ed25519 key up to its 32 bytes (RFC 8410 §4 and §7). */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");
const spkiHeadBytes = 12;

export function generateLogSeed(): SecretBytes {
  return SecretBytes.from(randomBytes(32));
}

/** Signs checkpoints with the log's key, by the platform's Ed25519. */
export function logSigner(seed: SecretBytes): Signer<"log"> {
  const privateKey = seed.expose(privateKeyOf);
  return {
    publicKey: publicKeyOf(privateKey),
    sign: (input) => Promise.resolve(sign(null, input, privateKey)),
  };
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  const key = Buffer.concat([pkcs8Head, seed]);
  try {
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  } finally {
    key.fill(0);
  }
}

function publicKeyOf(privateKey: KeyObject): PublicKey<"log"> {
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return publicKeyFromBytes("log", spki.subarray(spkiHeadBytes));
}

/** From a seed as records keep it, base64url. */
export function openLogSigner(logSeed: string): Signer<"log"> {
  using seed = SecretBytes.from(parseBase64Url(logSeed));
  return logSigner(seed);
}
