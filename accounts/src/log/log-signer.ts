import { randomBytes } from "node:crypto";
import { parseBase64Url, SecretBytes, type Signer } from "@cloister/base";
import { ed25519Signer } from "@cloister/server-kit";

export function generateLogSeed(): SecretBytes {
  return SecretBytes.from(randomBytes(32));
}

/** Signs checkpoints with the log's key. */
export function logSigner(seed: SecretBytes): Signer<"log"> {
  return ed25519Signer("log", seed);
}

/** From a seed as records keep it, base64url. */
export function openLogSigner(logSeed: string): Signer<"log"> {
  using seed = SecretBytes.from(parseBase64Url(logSeed));
  return logSigner(seed);
}
