import { concatBytes, type Random, sha256, uint64Bytes, utf8Bytes } from "@cloister/base";

/** The same bytes for the same seed: tests that fail can be run again. */
export function seededRandom(seed: string): Random {
  let counter = 0;
  return {
    bytes(lengthBytes) {
      const blocks: Uint8Array[] = [];
      for (let have = 0; have < lengthBytes; have += 32) {
        blocks.push(sha256(concatBytes(utf8Bytes(seed), uint64Bytes(counter))));
        counter += 1;
      }
      return concatBytes(...blocks).slice(0, lengthBytes);
    },
  };
}
