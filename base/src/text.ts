import { baseErrors } from "./base-errors.ts";

// Both exist in Node and in browsers; this package takes types from neither platform.
declare const TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
declare const TextDecoder: new (
  label: string,
  options: { readonly fatal: boolean; readonly ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

export function utf8Bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Strict: malformed sequences are refused, a byte order mark is kept. */
export function parseUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw baseErrors.ERR_ENCODING("malformed UTF-8");
  }
}
