import { baseErrors } from "./base-errors.ts";

/** Port: where a platform's secure randomness comes in; tests and the simulator pass a seeded one. */
export interface Random {
  /** Exactly `lengthBytes` fresh bytes, owned by the caller. */
  bytes(lengthBytes: number): Uint8Array;
}

/** Draws and checks the length: a short answer from an adapter would be a weak key. */
export function randomBytes(random: Random, lengthBytes: number): Uint8Array {
  const bytes = random.bytes(lengthBytes);
  if (bytes.length !== lengthBytes) {
    throw baseErrors.ERR_RANDOM_LENGTH("the source of randomness returned another length");
  }
  return bytes;
}
