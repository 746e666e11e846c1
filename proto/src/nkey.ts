import { formatBase32, parseBase32 } from "@cloister/base";
import { protoErrors } from "./errors.ts";

declare const nkeyBrand: unique symbol;

/** A public key as NATS writes it: role byte, Ed25519 key, CRC-16, in base32 (`U…`, `A…`). */
export type Nkey<Role extends NkeyRole> = string & { readonly [nkeyBrand]: Role };
export type NkeyRole = "user" | "account";
export type UserNkey = Nkey<"user">;
export type AccountNkey = Nkey<"account">;

const roleBytes = { user: 20 << 3, account: 0 } as const;
const keyBytes = 32;

export function userNkeyFromBytes(raw: Uint8Array): UserNkey {
  return nkeyFromBytes("user", raw);
}

export function accountNkeyFromBytes(raw: Uint8Array): AccountNkey {
  return nkeyFromBytes("account", raw);
}

export function parseUserNkey(text: string): UserNkey {
  return parseNkey("user", text);
}

export function parseAccountNkey(text: string): AccountNkey {
  return parseNkey("account", text);
}

/** The Ed25519 key behind an nkey. */
export function nkeyBytes(nkey: Nkey<NkeyRole>): Uint8Array<ArrayBuffer> {
  return parseBase32(nkey.toLowerCase()).slice(1, 1 + keyBytes);
}

function nkeyFromBytes<Role extends NkeyRole>(role: Role, raw: Uint8Array): Nkey<Role> {
  if (raw.length !== keyBytes) throw malformed(role);
  const body = Uint8Array.of(roleBytes[role], ...raw);
  const checksum = crc16(body);
  const text = formatBase32(Uint8Array.of(...body, checksum & 0xff, checksum >> 8));
  return text.toUpperCase() as Nkey<Role>;
}

function parseNkey<Role extends NkeyRole>(role: Role, text: string): Nkey<Role> {
  if (!/^[A-Z2-7]{56}$/.test(text)) throw malformed(role);
  const raw = parseBase32(text.toLowerCase()).slice(1, 1 + keyBytes);
  // One spelling a key: role byte and checksum must come out the same.
  const nkey = nkeyFromBytes(role, raw);
  if (nkey !== text) throw malformed(role);
  return nkey;
}

/** CRC-16/XMODEM, as in nats-io/nkeys. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ 0x1021) & 0xffff;
    }
  }
  return crc;
}

function malformed(role: NkeyRole): Error {
  return protoErrors.ERR_NKEY_MALFORMED(`not an nkey of a NATS ${role}`);
}
