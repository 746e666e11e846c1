import { clientErrors } from "../errors.ts";

/** Plaintext sizes that go on the wire: the length of a message tells its class only. */
const smallClasses: readonly number[] = [256, 1024, 4096, 16_384];
const STEP_BYTES = 16_384;
export const MAX_PADDED_BYTES = 400 * 1024;
const LENGTH_BYTES = 4;

/** docs/protocol.md, Rooms: u32 big-endian length ‖ batch ‖ zeros up to the class. */
export function padBatch(parts: readonly Uint8Array[]): Uint8Array {
  const lengthBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const padded = new Uint8Array(lengthClass(lengthBytes + LENGTH_BYTES));
  new DataView(padded.buffer).setUint32(0, lengthBytes);
  let offset = LENGTH_BYTES;
  for (const part of parts) {
    padded.set(part, offset);
    offset += part.length;
  }
  return padded;
}

export function lengthClass(bytes: number): number {
  const small = smallClasses.find((size) => size >= bytes);
  const size = small ?? Math.ceil(bytes / STEP_BYTES) * STEP_BYTES;
  if (size > MAX_PADDED_BYTES) {
    throw clientErrors.ERR_BATCH_TOO_LARGE(`a batch may be ${MAX_PADDED_BYTES} bytes at most`, {
      details: { limitBytes: MAX_PADDED_BYTES },
    });
  }
  return size;
}

/** The batch without its padding; anything but the one right padding is refused. */
export function parsePadded(padded: Uint8Array): Uint8Array {
  if (padded.length < LENGTH_BYTES || padded.length > MAX_PADDED_BYTES) throw malformed();
  const view = new DataView(padded.buffer, padded.byteOffset, padded.byteLength);
  const end = LENGTH_BYTES + view.getUint32(0);
  if (end > padded.length || lengthClass(end) !== padded.length) throw malformed();
  for (let index = end; index < padded.length; index += 1) {
    // Free bytes would be a place to hide something from other readers.
    if (padded[index] !== 0) throw malformed();
  }
  return padded.subarray(LENGTH_BYTES, end);
}

function malformed(): Error {
  return clientErrors.ERR_BATCH_MALFORMED("the padding of a batch is not the one of its length");
}
