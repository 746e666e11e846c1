import {
  FILE_SEGMENT_BYTES,
  FILE_SEGMENT_TAG_BYTES,
  FILE_SEGMENTS_PER_MESSAGE,
} from "@cloister/base";

/** Salt (24) and commitment (32), before the first sealed segment. */
export const FILE_HEADER_BYTES = 56;

/** Plaintext bytes that one chunk carries: 31 segments. */
export const CHUNK_PLAIN_BYTES = FILE_SEGMENTS_PER_MESSAGE * FILE_SEGMENT_BYTES;

export const SEALED_SEGMENT_BYTES = FILE_SEGMENT_BYTES + FILE_SEGMENT_TAG_BYTES;

/**
 * Segments of a file, chunked-encryption's "chunks": every one whole but the last, which is always
 * shorter than 16 KiB and may be empty.
 */
export function segmentCount(lengthBytes: number): number {
  return Math.floor(lengthBytes / FILE_SEGMENT_BYTES) + 1;
}

export function chunkCount(lengthBytes: number): number {
  return Math.ceil(segmentCount(lengthBytes) / FILE_SEGMENTS_PER_MESSAGE);
}

/** Where a chunk's plaintext lies in the file. */
export function chunkPlainRange(
  index: number,
  lengthBytes: number,
): { readonly offset: number; readonly lengthBytes: number } {
  const offset = index * CHUNK_PLAIN_BYTES;
  return { offset, lengthBytes: Math.min(CHUNK_PLAIN_BYTES, Math.max(0, lengthBytes - offset)) };
}

/** Exact size of a chunk on the wire. */
export function chunkWireBytes(index: number, lengthBytes: number): number {
  const segments = segmentCount(lengthBytes);
  const first = index * FILE_SEGMENTS_PER_MESSAGE;
  const count = Math.min(FILE_SEGMENTS_PER_MESSAGE, segments - first);
  const { lengthBytes: plain } = chunkPlainRange(index, lengthBytes);
  return plain + count * FILE_SEGMENT_TAG_BYTES + (index === 0 ? FILE_HEADER_BYTES : 0);
}
