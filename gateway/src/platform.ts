import { createPublicKey, randomBytes, verify } from "node:crypto";
import { type Clock, type Ed25519Verify, parseEpochMs, type Random } from "@cloister/base";

/** DER of an Ed25519 public key up to its 32 bytes (RFC 8410 §4). */
const spkiHead = Buffer.from("302a300506032b6570032100", "hex");

export const systemClock: Clock = { now: () => parseEpochMs(Date.now()) };

export const systemRandom: Random = { bytes: (lengthBytes) => randomBytes(lengthBytes) };

/** Ed25519 by the platform; base's `strictEd25519` adds what it leaves open. */
export const nativeVerify: Ed25519Verify = ({ publicKey, message, signature }) => {
  try {
    const key = Buffer.concat([spkiHead, publicKey]);
    return verify(null, message, createPublicKey({ key, format: "der", type: "spki" }), signature);
  } catch {
    return false;
  }
};
