import { baseErrors } from "./base-errors.ts";

/**
 * Text forms of bytes, RFC 4648, without padding and canonical: for each byte string exactly one
 * text is accepted, so an id cannot be written in two ways.
 */
interface Radix {
  readonly name: string;
  readonly bitsPerChar: number;
  readonly alphabet: string;
  readonly values: ReadonlyMap<string, number>;
}

function defineRadix(name: string, bitsPerChar: number, alphabet: string): Radix {
  const values = new Map(alphabet.split("").map((char, value) => [char, value] as const));
  return { name, bitsPerChar, alphabet, values };
}

const base16 = defineRadix("hex", 4, "0123456789abcdef");
const base32 = defineRadix("base32", 5, "abcdefghijklmnopqrstuvwxyz234567");
const base64url = defineRadix(
  "base64url",
  6,
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
);

function encode(radix: Radix, bytes: Uint8Array): string {
  const mask = (1 << radix.bitsPerChar) - 1;
  let text = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= radix.bitsPerChar) {
      bits -= radix.bitsPerChar;
      text += radix.alphabet.charAt((buffer >> bits) & mask);
    }
  }
  if (bits > 0) text += radix.alphabet.charAt((buffer << (radix.bitsPerChar - bits)) & mask);
  return text;
}

function decode(radix: Radix, text: string): Uint8Array<ArrayBuffer> {
  const totalBits = text.length * radix.bitsPerChar;
  const bytes = new Uint8Array(Math.floor(totalBits / 8));
  // A whole character of left-over bits would be a second spelling of the same bytes.
  if (totalBits % 8 >= radix.bitsPerChar) throw malformed(radix);
  let offset = 0;
  let buffer = 0;
  let bits = 0;
  for (const char of text) {
    const value = radix.values.get(char);
    if (value === undefined) throw malformed(radix);
    buffer = ((buffer << radix.bitsPerChar) | value) & 0xffff;
    bits += radix.bitsPerChar;
    if (bits >= 8) {
      bits -= 8;
      bytes[offset] = (buffer >> bits) & 0xff;
      offset += 1;
    }
  }
  if ((buffer & ((1 << bits) - 1)) !== 0) throw malformed(radix);
  return bytes;
}

function malformed(radix: Radix): Error {
  return baseErrors.ERR_ENCODING(`not canonical ${radix.name}`);
}

export function formatHex(bytes: Uint8Array): string {
  return encode(base16, bytes);
}

/** Lowercase only. */
export function parseHex(text: string): Uint8Array<ArrayBuffer> {
  return decode(base16, text);
}

/** RFC 4648 §6 with the alphabet in lowercase: safe in NATS subject tokens and host names. */
export function formatBase32(bytes: Uint8Array): string {
  return encode(base32, bytes);
}

export function parseBase32(text: string): Uint8Array<ArrayBuffer> {
  return decode(base32, text);
}

/** RFC 4648 §5 without padding. */
export function formatBase64Url(bytes: Uint8Array): string {
  return encode(base64url, bytes);
}

export function parseBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return decode(base64url, text);
}
