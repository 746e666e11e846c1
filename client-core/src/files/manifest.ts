import { HASH_BYTES, RANDOM_ID_BYTES } from "@cloister/base";
import type { roomsV1 } from "@cloister/proto";

/** A manifest of another shape stays in the history, and is no file that could be got. */
export function isWholeManifest(manifest: roomsV1.FileManifest): boolean {
  const { fileId, key, sha256, senderNkey, lengthBytes } = manifest;
  return (
    fileId.length === RANDOM_ID_BYTES &&
    [key, sha256, senderNkey].every(({ length }) => length === HASH_BYTES) &&
    lengthBytes <= BigInt(Number.MAX_SAFE_INTEGER)
  );
}
