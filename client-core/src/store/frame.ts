import { concatBytes, formatBase64Url, parseBase64Url, parseUtf8, utf8Bytes } from "@cloister/base";
import { clientErrors } from "../errors.ts";

/**
 * Every stored value, version 1: version (1 byte) ‖ header length (u32 big-endian) ‖ header (JSON) ‖
 * body. Fields are only ever added to a header; what a version does not know it writes back.
 */
export const STORED_VERSION = 1;

const PREFIX_BYTES = 5;

/** A header's fields: JSON values only. Bytes are base64url, 64-bit numbers are decimal strings. */
export type StoredHeader = Readonly<Record<string, unknown>>;

export interface Stored {
  readonly header: StoredHeader;
  readonly body: Uint8Array;
}

const nothing = new Uint8Array(0);

export function encodeStored(header: StoredHeader, body: Uint8Array = nothing): Uint8Array {
  const text = utf8Bytes(JSON.stringify(header));
  const prefix = new Uint8Array(PREFIX_BYTES);
  prefix[0] = STORED_VERSION;
  new DataView(prefix.buffer).setUint32(1, text.length);
  return concatBytes(prefix, text, body);
}

export function parseStored(bytes: Uint8Array): Stored {
  if (bytes.length < PREFIX_BYTES || bytes[0] !== STORED_VERSION) throw malformed();
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1);
  if (length > bytes.length - PREFIX_BYTES) throw malformed();
  const header = parseHeader(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length));
  return { header, body: bytes.subarray(PREFIX_BYTES + length) };
}

function parseHeader(bytes: Uint8Array): StoredHeader {
  try {
    const value: unknown = JSON.parse(parseUtf8(bytes));
    if (isRecord(value)) return value;
  } catch (cause) {
    throw malformed(cause);
  }
  throw malformed();
}

export function isRecord(value: unknown): value is StoredHeader {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Typed access to a header; a missing or wrong field throws ERR_STORE_FORMAT. */
export interface FieldReader {
  text(name: string): string;
  optionalText(name: string): string | undefined;
  number(name: string): number;
  flag(name: string): boolean;
  bigint(name: string): bigint;
  bytes(name: string): Uint8Array;
  optionalBytes(name: string): Uint8Array | undefined;
  record(name: string): StoredHeader | undefined;
  list(name: string): readonly unknown[];
}

export function fieldsOf(header: StoredHeader): FieldReader {
  const take = <T>(name: string, isRight: (value: unknown) => value is T): T => {
    const value = Object.hasOwn(header, name) ? header[name] : undefined;
    if (!isRight(value)) throw malformed();
    return value;
  };
  const has = (name: string): boolean => Object.hasOwn(header, name) && header[name] !== null;
  const bytes = (name: string): Uint8Array => parseBase64Url(take(name, isText));
  return {
    bytes,
    text: (name) => take(name, isText),
    optionalText: (name) => (has(name) ? take(name, isText) : undefined),
    number: (name) => take(name, isNumber),
    flag: (name) => take(name, isFlag),
    bigint: (name) => storedBigint(take(name, isText)),
    optionalBytes: (name) => (has(name) ? bytes(name) : undefined),
    record: (name) => (has(name) ? take(name, isRecord) : undefined),
    list: (name) => (has(name) ? take(name, Array.isArray) : []),
  };
}

export function storedBytes(bytes: Uint8Array): string {
  return formatBase64Url(bytes);
}

function storedBigint(text: string): bigint {
  if (!/^\d{1,20}$/.test(text)) throw malformed();
  return BigInt(text);
}

const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isFlag = (value: unknown): value is boolean => typeof value === "boolean";

function malformed(cause?: unknown): Error {
  return clientErrors.ERR_STORE_FORMAT("a stored value has another format", { cause });
}
