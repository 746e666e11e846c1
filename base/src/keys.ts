import { baseErrors } from "./base-errors.ts";
import { ED25519_PUBLIC_KEY_BYTES } from "./limits.ts";
import { formatBase32, parseBase32 } from "./radix.ts";

declare const keyBrand: unique symbol;

/** One purpose, one key: the textual prefix of each role of an Ed25519 public key. */
export const keyPrefixes = {
  account: "kacct",
  statement: "kstmt",
  session: "ksess",
  leaf: "kleaf",
  log: "klog",
  gateway: "kgate",
  relay: "krelay",
  invitation: "kinv",
  recovery: "krec",
} as const;

export type KeyRole = keyof typeof keyPrefixes;

/**
 * The public key of a role in its text form, `<prefix>_<base32 in lowercase>`. A key of one role is
 * not assignable to another.
 */
export type PublicKey<Role extends KeyRole = KeyRole> = string & { readonly [keyBrand]: Role };

/** Owner's or member's identity. */
export type AccountKey = PublicKey<"account">;
/** A device's key for statements and handshake records. */
export type StatementKey = PublicKey<"statement">;
export type SessionKey = PublicKey<"session">;
/** The signature key of an MLS leaf (RFC 9420 §7.2). */
export type LeafKey = PublicKey<"leaf">;
export type LogKey = PublicKey<"log">;
export type GatewayKey = PublicKey<"gateway">;
export type RelayKey = PublicKey<"relay">;
export type InvitationKey = PublicKey<"invitation">;
export type RecoveryKey = PublicKey<"recovery">;

export function publicKeyFromBytes<Role extends KeyRole>(
  role: Role,
  bytes: Uint8Array,
): PublicKey<Role> {
  if (bytes.length !== ED25519_PUBLIC_KEY_BYTES) throw malformed(role);
  return `${keyPrefixes[role]}_${formatBase32(bytes)}` as PublicKey<Role>;
}

export function parsePublicKey<Role extends KeyRole>(role: Role, text: string): PublicKey<Role> {
  const prefix = `${keyPrefixes[role]}_`;
  if (!text.startsWith(prefix) || text.length > prefix.length + 52) throw malformed(role);
  try {
    return publicKeyFromBytes(role, parseBase32(text.slice(prefix.length)));
  } catch (cause) {
    throw malformed(role, cause);
  }
}

export function publicKeyBytes(key: PublicKey): Uint8Array<ArrayBuffer> {
  return parseBase32(key.slice(key.indexOf("_") + 1));
}

function malformed(role: KeyRole, cause?: unknown): Error {
  return baseErrors.ERR_KEY_MALFORMED(`not a public key of role ${role}`, { cause });
}
