import {
  equalBytes,
  FILE_SEGMENT_BYTES,
  FILE_SEGMENTS_PER_MESSAGE,
  fileIdFromBytes,
} from "@cloister/base";
import { fileChunkSubject, type roomsV1, userNkeyFromBytes } from "@cloister/proto";
import type { TransferOptions } from "../client-types.ts";
import { clientErrors } from "../errors.ts";
import { REQUEST_TIMEOUT_MS } from "../limits.ts";
import type { FileSink } from "../ports.ts";
import { verifyFileHeader } from "./cobblestone.ts";
import {
  type DownloadEffect,
  type DownloadEvent,
  newDownload,
  reduceDownload,
} from "./download.ts";
import {
  CHUNK_PLAIN_BYTES,
  chunkCount,
  chunkPlainRange,
  chunkWireBytes,
  FILE_HEADER_BYTES,
} from "./layout.ts";
import { fileContext, type UploadPlace } from "./run-upload.ts";
import { createSegmentCipher, type SegmentCipher } from "./segments.ts";

/** One file as its manifest names it: chunks are fetched, held against their size, and opened. */
export class RemoteFile {
  readonly #place: UploadPlace;
  readonly #manifest: roomsV1.FileManifest;
  readonly lengthBytes: number;
  #cipher: Promise<SegmentCipher> | undefined;

  constructor(place: UploadPlace, manifest: roomsV1.FileManifest) {
    this.#place = place;
    this.#manifest = manifest;
    this.lengthBytes = Number(manifest.lengthBytes);
    if (!Number.isSafeInteger(this.lengthBytes)) {
      throw clientErrors.ERR_FILE_TOO_LARGE("the file is larger than this client can count");
    }
  }

  /** Undefined if the server has no such chunk. Throws Transport or Timeout if it cannot be asked. */
  async fetch(chunk: number): Promise<Uint8Array | undefined> {
    const connection = this.#place.connection();
    if (connection === undefined) throw clientErrors.ERR_OFFLINE("not connected");
    const { fileId, senderNkey } = this.#manifest;
    const subject = fileChunkSubject({
      room: this.#place.room,
      sender: userNkeyFromBytes(senderNkey),
      file: fileIdFromBytes(fileId),
      index: chunk,
    });
    const found = await connection.getChunk({ subject, timeoutMs: REQUEST_TIMEOUT_MS });
    if (found !== undefined && found.length !== chunkWireBytes(chunk, this.lengthBytes)) {
      throw clientErrors.ERR_FILE_TAMPERED("a chunk of the file has another size than it must");
    }
    return found;
  }

  /** The chunk's plaintext. Chunk 0 brings the header, which every other one needs. */
  async open(chunk: number, payload: Uint8Array): Promise<Uint8Array> {
    const cipher = await this.#cipherOf(chunk === 0 ? payload : undefined);
    const data = chunk === 0 ? payload.subarray(FILE_HEADER_BYTES) : payload;
    return cipher.open({ firstSegment: chunk * FILE_SEGMENTS_PER_MESSAGE, data });
  }

  #cipherOf(firstChunk: Uint8Array | undefined): Promise<SegmentCipher> {
    this.#cipher ??= this.#makeCipher(firstChunk);
    return this.#cipher;
  }

  async #makeCipher(given: Uint8Array | undefined): Promise<SegmentCipher> {
    const first = given ?? (await this.fetch(0));
    if (first === undefined)
      throw clientErrors.ERR_FILE_MISSING("the server lacks the file's start");
    const { org, room, ports } = this.#place;
    const { fileId, key } = this.#manifest;
    const context = fileContext(org, room, fileIdFromBytes(fileId));
    const header = first.subarray(0, FILE_HEADER_BYTES);
    return createSegmentCipher(ports.crypto, verifyFileHeader(header, { fileKey: key, context }));
  }
}

export async function runDownload(
  place: UploadPlace,
  manifest: roomsV1.FileManifest,
  transfer: { readonly sink: FileSink; readonly options: TransferOptions },
): Promise<void> {
  const download = new Download(place, manifest, transfer);
  await download.run();
}

class Download {
  readonly #place: UploadPlace;
  readonly #manifest: roomsV1.FileManifest;
  readonly #remote: RemoteFile;
  readonly #sink: FileSink;
  readonly #options: TransferOptions;
  readonly #payloads = new Map<number, Uint8Array>();
  readonly #hash: ReturnType<UploadPlace["ports"]["crypto"]["createSha256"]>;
  /** Kept from an earlier try: whole segments only. */
  readonly #keptBytes: number;

  constructor(
    place: UploadPlace,
    manifest: roomsV1.FileManifest,
    { sink, options }: { readonly sink: FileSink; readonly options: TransferOptions },
  ) {
    this.#place = place;
    this.#manifest = manifest;
    this.#remote = new RemoteFile(place, manifest);
    this.#sink = sink;
    this.#options = options;
    this.#hash = place.ports.crypto.createSha256();
    const kept = Math.min(sink.resumeBytes, this.#remote.lengthBytes);
    this.#keptBytes = kept - (kept % FILE_SEGMENT_BYTES);
  }

  async run(): Promise<void> {
    await this.#rehash();
    const chunks = chunkCount(this.#remote.lengthBytes);
    let state = newDownload(chunks, Math.floor(this.#keptBytes / CHUNK_PLAIN_BYTES));
    const queue: DownloadEvent[] = [{ kind: "start" }];
    let wake: (() => void) | undefined;
    let failure: { readonly error: unknown } | undefined;
    const post = (event: DownloadEvent): void => {
      queue.push(event);
      wake?.();
    };
    const start = (effect: DownloadEffect): void => {
      this.#perform(effect, post).catch((error: unknown) => {
        failure ??= { error };
        wake?.();
      });
    };
    const { signal } = this.#options;
    while (state.end === undefined) {
      if (failure !== undefined) throw failure.error;
      if (signal?.aborted === true) throw clientErrors.ERR_ABORTED("the download was stopped");
      const event = queue.shift();
      if (event === undefined) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        signal?.addEventListener("abort", resolve);
        await promise;
        signal?.removeEventListener("abort", resolve);
        continue;
      }
      const step = reduceDownload(state, event);
      state = step.state;
      for (const effect of step.effects) start(effect);
    }
    if (state.end.kind === "missing") {
      throw clientErrors.ERR_FILE_MISSING(`the server lacks chunk ${state.end.chunk} of the file`);
    }
    await this.#finish();
  }

  /** What an earlier try wrote counts as far as it can be read back. */
  async #rehash(): Promise<void> {
    for (let offset = 0; offset < this.#keptBytes; ) {
      const lengthBytes = Math.min(CHUNK_PLAIN_BYTES, this.#keptBytes - offset);
      const data = await this.#sink.read(offset, lengthBytes);
      if (data.length !== lengthBytes) {
        throw clientErrors.ERR_FILE_CHANGED("what was kept of the file cannot be read back");
      }
      this.#hash.update(data);
      offset += lengthBytes;
    }
  }

  async #finish(): Promise<void> {
    if (equalBytes(this.#hash.digest(), this.#manifest.sha256)) {
      await this.#sink.finish();
      return;
    }
    await this.#sink.discard();
    throw clientErrors.ERR_FILE_TAMPERED("the file's hash is not the one that its sender named");
  }

  async #perform(effect: DownloadEffect, post: (event: DownloadEvent) => void): Promise<void> {
    switch (effect.kind) {
      case "fetch":
        post(await this.#fetch(effect.chunk));
        return;
      case "write":
        await this.#write(effect.chunk);
        post({ kind: "written", chunk: effect.chunk });
        return;
      case "pause":
        await this.#place.ports.clock.wait(effect.delayMs, this.#options.signal);
        post({ kind: "resumed" });
        return;
      default:
        throw effect satisfies never;
    }
  }

  async #fetch(chunk: number): Promise<DownloadEvent> {
    try {
      const payload = await this.#remote.fetch(chunk);
      if (payload === undefined) return { kind: "missing", chunk };
      this.#payloads.set(chunk, payload);
      return { kind: "arrived", chunk };
    } catch (error) {
      if (isPassing(error)) return { kind: "failed", chunk };
      throw error;
    }
  }

  /** Opened, hashed and written in order; the part that is kept already is left out. */
  async #write(chunk: number): Promise<void> {
    const payload = this.#payloads.get(chunk);
    if (payload === undefined) throw clientErrors.ERR_FILE_MISSING("a chunk got lost on the way");
    this.#payloads.delete(chunk);
    const data = await this.#remote.open(chunk, payload);
    const { offset } = chunkPlainRange(chunk, this.#remote.lengthBytes);
    const skip = Math.max(0, this.#keptBytes - offset);
    const fresh = data.subarray(skip);
    this.#hash.update(fresh);
    await this.#sink.write(offset + skip, fresh);
    this.#options.onProgress?.({
      doneBytes: offset + data.length,
      totalBytes: this.#remote.lengthBytes,
      resumedBytes: this.#keptBytes,
    });
  }
}

function isPassing(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("kind" in error)) return false;
  return (
    error.kind === "Timeout" || (error.kind === "Transport" && !hasCode(error, "ERR_FILE_MISSING"))
  );
}

function hasCode(error: object, code: string): boolean {
  return "code" in error && error.code === code;
}
