import { concatBytes, type FileId, parseFileId, type RoomId, type Sha256 } from "@cloister/base";
import { encodeStored, fieldsOf, parseStored, storedBytes } from "../store/frame.ts";
import { storeKeys } from "../store/keys.ts";
import type { PlainRow } from "../store/seal-store.ts";

/** What is kept of an upload: written before any of the chunks that it counts leaves (rule 14). */
export interface UploadNote {
  readonly file: FileId;
  readonly name: string;
  readonly mediaType: string;
  readonly lengthBytes: number;
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  readonly prepared: number;
  readonly stored: number;
  /** Over the plaintext of every prepared chunk, in order: see {@link chainDigest}. */
  readonly digest: Uint8Array;
}

export const emptyDigest = new Uint8Array(32);

/** One value that stands for all chunks so far: hash(value before ‖ hash(chunk)). */
export function chainDigest(before: Uint8Array, chunk: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(concatBytes(before, sha256(chunk)));
}

export function noteRow(room: RoomId, note: UploadNote): PlainRow {
  const value = encodeStored({
    file: note.file,
    name: note.name,
    mediaType: note.mediaType,
    lengthBytes: note.lengthBytes,
    key: storedBytes(note.key),
    salt: storedBytes(note.salt),
    prepared: note.prepared,
    stored: note.stored,
    digest: storedBytes(note.digest),
  });
  return { key: storeKeys.upload(room, note.file), value };
}

export function parseNote(bytes: Uint8Array): UploadNote {
  const fields = fieldsOf(parseStored(bytes).header);
  return {
    file: parseFileId(fields.text("file")),
    name: fields.text("name"),
    mediaType: fields.text("mediaType"),
    lengthBytes: fields.number("lengthBytes"),
    key: fields.bytes("key"),
    salt: fields.bytes("salt"),
    prepared: fields.number("prepared"),
    stored: fields.number("stored"),
    digest: fields.bytes("digest"),
  };
}
