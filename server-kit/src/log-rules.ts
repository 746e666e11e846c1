import { createHash, createPublicKey, verify as verifyNative } from "node:crypto";
import { type Ed25519Verify, type Sha256, strictEd25519 } from "@cloister/base";
import { appendRecord, type LogReplica, openReplica } from "@cloister/rules";
import type { LogRules } from "./log-follower.ts";

/** DER of an Ed25519 public key up to its 32 bytes (RFC 8410 §4). */
const spkiHead = Buffer.from("302a300506032b6570032100", "hex");

/** The members' rules with the platform's primitives: the same answers, faster. */
export function memberRules(): LogRules<LogReplica> {
  const verify = strictEd25519(nativeVerify);
  return {
    open: (org, record) => openReplica({ org, record, verify, sha256: nativeSha256 }),
    append: appendRecord,
    sizeOf: (replica) => replica.size,
  };
}

const nativeSha256: Sha256 = (data) => new Uint8Array(createHash("sha256").update(data).digest());

const nativeVerify: Ed25519Verify = ({ publicKey, message, signature }) => {
  const key = Buffer.concat([spkiHead, publicKey]);
  return verifyNative(
    null,
    message,
    createPublicKey({ key, format: "der", type: "spki" }),
    signature,
  );
};
