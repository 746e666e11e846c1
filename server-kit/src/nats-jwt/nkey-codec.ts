import type { AccountNkey, UserNkey } from "@cloister/proto";
import { kitErrors } from "../errors.ts";

/** Roles of NATS key pairs; the first letter of the text form tells the role. */
export const nkeyRoles = {
  operator: { letter: "O", prefix: 14 << 3 },
  account: { letter: "A", prefix: 0 },
  user: { letter: "U", prefix: 20 << 3 },
} as const;

export type NkeyRole = keyof typeof nkeyRoles;

declare const operatorBrand: unique symbol;

interface NkeysByRole {
  readonly operator: string & { readonly [operatorBrand]: "operator" };
  readonly account: AccountNkey;
  readonly user: UserNkey;
}

/** Public nkey in its text form: role, 32 bytes of Ed25519 and CRC16, in upper-case base32. */
export type Nkey<Role extends NkeyRole = NkeyRole> = NkeysByRole[Role];

const seedPrefix = 18 << 3;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const keyBytes = 32;
const publicChars = 56;
const seedChars = 58;

/** CRC-16/XMODEM, as nkeys uses it. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) !== 0 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
    }
  }
  return crc;
}

export function formatUpperBase32(bytes: Uint8Array): string {
  let text = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet.charAt((buffer >> bits) & 31);
    }
  }
  return bits === 0 ? text : text + alphabet.charAt((buffer << (5 - bits)) & 31);
}

function parseUpperBase32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let buffer = 0;
  let bits = 0;
  let offset = 0;
  for (const char of text) {
    const value = alphabet.indexOf(char);
    if (value < 0) throw kitErrors.ERR_NKEY_MALFORMED("an nkey is upper-case base32");
    buffer = ((buffer << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[offset] = (buffer >> bits) & 0xff;
      offset += 1;
    }
  }
  return bytes;
}

function withChecksum(body: Uint8Array): string {
  const crc = crc16(body);
  const bytes = new Uint8Array(body.length + 2);
  bytes.set(body);
  bytes[body.length] = crc & 0xff;
  bytes[body.length + 1] = crc >> 8;
  const text = formatUpperBase32(bytes);
  bytes.fill(0);
  return text;
}

function checkedBody(text: string, expectedChars: number): Uint8Array {
  if (text.length !== expectedChars) {
    throw kitErrors.ERR_NKEY_MALFORMED(`an nkey of this kind has ${expectedChars} characters`);
  }
  const bytes = parseUpperBase32(text);
  const body = bytes.subarray(0, bytes.length - 2);
  const crc = (bytes[bytes.length - 2] ?? 0) | ((bytes[bytes.length - 1] ?? 0) << 8);
  if (crc !== crc16(body)) throw kitErrors.ERR_NKEY_MALFORMED("the checksum of an nkey is wrong");
  return body;
}

export function formatNkey<Role extends NkeyRole>(role: Role, publicKey: Uint8Array): Nkey<Role> {
  if (publicKey.length !== keyBytes) {
    throw kitErrors.ERR_NKEY_MALFORMED(`a public key has ${keyBytes} bytes`);
  }
  return withChecksum(Uint8Array.of(nkeyRoles[role].prefix, ...publicKey)) as string as Nkey<Role>;
}

export function parseNkey<Role extends NkeyRole>(role: Role, text: string): Nkey<Role> {
  nkeyBytesOf(role, text);
  return text as string as Nkey<Role>;
}

export function isNkey<Role extends NkeyRole>(role: Role, text: string): text is Nkey<Role> {
  try {
    nkeyBytesOf(role, text);
    return true;
  } catch {
    return false;
  }
}

/** The 32 raw bytes of an Ed25519 public key. */
export function nkeyBytesOf(role: NkeyRole, text: string): Uint8Array {
  const body = checkedBody(text, publicChars);
  if (body[0] !== nkeyRoles[role].prefix) {
    throw kitErrors.ERR_NKEY_MALFORMED(`not the public key of a NATS ${role}`);
  }
  return body.subarray(1);
}

/** Seed text; the result is a secret. */
export function formatNkeySeed(role: NkeyRole, seed: Uint8Array): string {
  if (seed.length !== keyBytes) {
    throw kitErrors.ERR_NKEY_MALFORMED(`a seed has ${keyBytes} bytes`);
  }
  const { prefix } = nkeyRoles[role];
  const body = Uint8Array.of(seedPrefix | (prefix >> 5), (prefix & 31) << 3, ...seed);
  try {
    return withChecksum(body);
  } finally {
    body.fill(0);
  }
}

export function parseNkeySeed(role: NkeyRole, text: string): Uint8Array {
  const body = checkedBody(text, seedChars);
  const [first = 0, second = 0] = body;
  const prefix = ((first & 7) << 5) | ((second & 0xf8) >> 3);
  if ((first & 0xf8) !== seedPrefix || prefix !== nkeyRoles[role].prefix) {
    throw kitErrors.ERR_NKEY_MALFORMED(`not the seed of a NATS ${role}`);
  }
  return body.subarray(2);
}
