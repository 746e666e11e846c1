import { concatBytes, equalBytes, formatHex, parseHex, sha256 } from "@cloister/base";
import { relayErrors } from "../errors.ts";
import { MAX_PARTS, PART_BYTES } from "../limits.ts";
import type { JetStreamApi } from "./jetstream-api.ts";

/** What of the store values need. */
export type ValueStore = Pick<JetStreamApi, "publish" | "last">;

export interface ValuePlace {
  readonly api: ValueStore;
  readonly stream: string;
  /** Parts go to `<subject>.<n>`. */
  readonly subject: string;
}

const partsHeader = "Cloister-Parts";
const hashHeader = "Cloister-Sha256";

/**
 * Stores a value that may exceed one message. Parts of two writers may mix: then the hash that each
 * part carries does not fit the whole, and a reader sees no value.
 */
export async function writeValue(place: ValuePlace, value: Uint8Array): Promise<void> {
  const parts = Math.max(1, Math.ceil(value.length / PART_BYTES));
  if (parts > MAX_PARTS) throw relayErrors.ERR_RELAY_ROOM_TOO_LARGE("the value has too many parts");
  const headers = { [partsHeader]: String(parts), [hashHeader]: formatHex(sha256(value)) };
  for (let part = 0; part < parts; part += 1) {
    const data = value.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
    await place.api.publish(`${place.subject}.${part}`, data, { headers });
  }
}

/** The value, or undefined where none is whole. */
export async function readValue(place: ValuePlace): Promise<Uint8Array | undefined> {
  const first = await place.api.last(place.stream, `${place.subject}.0`);
  if (first === undefined) return undefined;
  const count = Number(first.header(partsHeader));
  if (!Number.isInteger(count) || count < 1 || count > MAX_PARTS) return undefined;
  const parts = [first.data];
  for (let part = 1; part < count; part += 1) {
    const next = await place.api.last(place.stream, `${place.subject}.${part}`);
    if (next === undefined) return undefined;
    parts.push(next.data);
  }
  const value = parts.length === 1 ? first.data : concatBytes(...parts);
  return hasHash(value, first.header(hashHeader)) ? value : undefined;
}

function hasHash(value: Uint8Array, hex: string): boolean {
  try {
    return equalBytes(sha256(value), parseHex(hex));
  } catch {
    return false;
  }
}
