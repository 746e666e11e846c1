import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  sign,
  verify,
} from "node:crypto";
import { strictEd25519 } from "@cloister/base";
import { type AeadKey, type CryptoPort, webCrypto } from "@cloister/client-core";

const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex");
const spki = Buffer.from("302a300506032b6570032100", "hex");

/** Node's own primitives: the portable ones make a test wait for signatures. */
export function nativeCrypto(): CryptoPort {
  return {
    ...webCrypto(),
    sha256: (data) => createHash("sha256").update(data).digest(),
    createSha256() {
      const hash = createHash("sha256");
      return { update: (data) => void hash.update(data), digest: () => hash.digest() };
    },
    verify: strictEd25519(({ publicKey, message, signature }) =>
      verify(
        null,
        message,
        createPublicKey({ key: Buffer.concat([spki, publicKey]), format: "der", type: "spki" }),
        signature,
      ),
    ),
    ed25519Sign: (seed, message) =>
      sign(
        null,
        message,
        createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: "der", type: "pkcs8" }),
      ),
    importAeadKey,
  };
}

function importAeadKey(bytes: Uint8Array): AeadKey {
  const key = Uint8Array.from(bytes);
  return {
    seal({ nonce, data, aad }) {
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      if (aad !== undefined) cipher.setAAD(aad);
      return Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
    },
    open({ nonce, data, aad }) {
      const decipher = createDecipheriv("aes-256-gcm", key, nonce);
      if (aad !== undefined) decipher.setAAD(aad);
      decipher.setAuthTag(data.subarray(data.length - 16));
      return Buffer.concat([decipher.update(data.subarray(0, -16)), decipher.final()]);
    },
  };
}
