import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { type KeyRole, publicKeyFromBytes, type SecretBytes, type Signer } from "@cloister/base";

/** DER of an Ed25519 key up to its 32 bytes (RFC 8410 §4 and §7). */
const spkiHead = Buffer.from("302a300506032b6570032100", "hex");
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");

/** The platform's key from a raw seed of 32 bytes; the copy made for it is wiped. */
export function ed25519PrivateKey(seed: Uint8Array): KeyObject {
  const key = Buffer.concat([pkcs8Head, seed]);
  try {
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  } finally {
    key.fill(0);
  }
}

/** The platform's key from 32 raw bytes. */
export function ed25519PublicKey(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiHead, raw]), format: "der", type: "spki" });
}

/** The 32 raw bytes of the public half. */
export function ed25519PublicBytes(privateKey: KeyObject): Uint8Array {
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return spki.subarray(spkiHead.length);
}

/** Signs in a role of ours by the platform's Ed25519. The seed is the caller's to erase. */
export function ed25519Signer<Role extends KeyRole>(role: Role, seed: SecretBytes): Signer<Role> {
  const privateKey = seed.expose(ed25519PrivateKey);
  return {
    publicKey: publicKeyFromBytes(role, ed25519PublicBytes(privateKey)),
    sign: (input) => Promise.resolve(Uint8Array.from(sign(null, input, privateKey))),
  };
}
