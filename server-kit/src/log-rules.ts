import { createHash, verify as verifyNative } from "node:crypto";
import { type Ed25519Verify, type Sha256, strictEd25519 } from "@cloister/base";
import { appendRecord, type LogReplica, openReplica } from "@cloister/rules";
import { ed25519PublicKey } from "./ed25519.ts";
import type { LogRules } from "./log-follower.ts";

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

const nativeVerify: Ed25519Verify = ({ publicKey, message, signature }) =>
  verifyNative(null, message, ed25519PublicKey(publicKey), signature);
