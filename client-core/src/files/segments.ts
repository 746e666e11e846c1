import { FILE_SEGMENT_BYTES, FILE_SEGMENT_TAG_BYTES } from "@cloister/base";
import { clientErrors } from "../errors.ts";
import type { AeadKey, CryptoPort, SegmentsJob } from "../ports.ts";
import { segmentNonce } from "./cobblestone.ts";
import { SEALED_SEGMENT_BYTES } from "./layout.ts";

/** Seals and opens the segments of one file. */
export interface SegmentCipher {
  /** `data` is a chunk's plaintext; `isLast` says that its last segment ends the file (and may be empty). */
  seal(job: {
    readonly firstSegment: number;
    readonly data: Uint8Array;
    readonly isLast: boolean;
    readonly prefixBytes: number;
  }): Promise<Uint8Array>;
  open(job: { readonly firstSegment: number; readonly data: Uint8Array }): Promise<Uint8Array>;
}

export async function createSegmentCipher(
  crypto: CryptoPort,
  keys: { readonly key: Uint8Array; readonly baseNonce: Uint8Array },
): Promise<SegmentCipher> {
  const aead = await crypto.importAeadKey(keys.key);
  const sealJob = crypto.sealSegments ?? ((job) => sealSerially(aead, job));
  const openJob = crypto.openSegments ?? ((job) => openSerially(aead, job));
  return {
    async seal({ firstSegment, data, isLast, prefixBytes }) {
      checkEnd(data, isLast);
      return sealJob({ ...keys, firstSegment, data, prefixBytes, endsFile: isLast });
    },
    async open({ firstSegment, data }) {
      try {
        return await openJob({ ...keys, firstSegment, data });
      } catch (cause) {
        throw clientErrors.ERR_FILE_TAMPERED("a segment of the file does not open", { cause });
      }
    },
  };
}

/** Only a file's last segment is short, and it always is. */
function checkEnd(data: Uint8Array, isLast: boolean): void {
  const isWhole = data.length > 0 && data.length % FILE_SEGMENT_BYTES === 0;
  if (!isLast && !isWhole) {
    throw clientErrors.ERR_FILE_CHANGED("the file became shorter while it was read");
  }
}

async function sealSerially(aead: AeadKey, job: SegmentsJob): Promise<Uint8Array> {
  const prefixBytes = job.prefixBytes ?? 0;
  const count = sealedSegmentsOf(job.data.length, job);
  const out = new Uint8Array(prefixBytes + job.data.length + count * FILE_SEGMENT_TAG_BYTES);
  for (let index = 0; index < count; index += 1) {
    const start = index * FILE_SEGMENT_BYTES;
    const sealed = await aead.seal({
      nonce: segmentNonce(job.baseNonce, job.firstSegment + index),
      data: job.data.subarray(start, start + FILE_SEGMENT_BYTES),
    });
    out.set(sealed, prefixBytes + index * SEALED_SEGMENT_BYTES);
  }
  return out;
}

async function openSerially(aead: AeadKey, job: SegmentsJob): Promise<Uint8Array> {
  const count = Math.ceil(job.data.length / SEALED_SEGMENT_BYTES);
  const out = new Uint8Array(job.data.length - count * FILE_SEGMENT_TAG_BYTES);
  for (let index = 0; index < count; index += 1) {
    const start = index * SEALED_SEGMENT_BYTES;
    const opened = await aead.open({
      nonce: segmentNonce(job.baseNonce, job.firstSegment + index),
      data: job.data.subarray(start, start + SEALED_SEGMENT_BYTES),
    });
    out.set(opened, index * FILE_SEGMENT_BYTES);
  }
  return out;
}

/** A file's last segment exists even if it is empty: then the job says so by `endsFile`. */
export function sealedSegmentsOf(dataBytes: number, job: { readonly endsFile?: boolean }): number {
  const whole = Math.floor(dataBytes / FILE_SEGMENT_BYTES);
  const hasRest = dataBytes % FILE_SEGMENT_BYTES > 0;
  return whole + (hasRest || job.endsFile === true ? 1 : 0);
}
