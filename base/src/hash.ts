import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

/** Port: SHA-256 of the whole input, synchronous. Platforms may pass a native one. */
export type Sha256 = (data: Uint8Array) => Uint8Array;

/** Port: SHA-256 of a stream. */
export interface Sha256Stream {
  update(data: Uint8Array): void;
  /** Ends the stream; call once. */
  digest(): Uint8Array;
}

/** The implementation that works everywhere. */
export const sha256: Sha256 = (data) => nobleSha256(data);

export function createSha256(): Sha256Stream {
  const hash = nobleSha256.create();
  return {
    update(data) {
      hash.update(data);
    },
    digest: () => hash.digest(),
  };
}
