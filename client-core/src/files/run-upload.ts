import {
  concatBytes,
  equalBytes,
  FILE_SEGMENTS_PER_MESSAGE,
  idBytes,
  newFileId,
  type OrgId,
  type RoomId,
  randomBytes,
} from "@cloister/base";
import { fileChunkSubject, type UserNkey } from "@cloister/proto";
import type { TransferOptions } from "../client-types.ts";
import { clientErrors } from "../errors.ts";
import { PUBLISH_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from "../limits.ts";
import type { ChunkOutcome, ClientPorts, Connection, FileSource } from "../ports.ts";
import { newPublishId } from "../runtime/groups.ts";
import { storeKeys } from "../store/keys.ts";
import type { SealedStore } from "../store/seal-store.ts";
import { deriveSegmentKeys, FILE_KEY_BYTES, FILE_SALT_BYTES, fileHeader } from "./cobblestone.ts";
import { chunkCount, chunkPlainRange, FILE_HEADER_BYTES } from "./layout.ts";
import { chainDigest, emptyDigest, noteRow, parseNote, type UploadNote } from "./note.ts";
import { createSegmentCipher, type SegmentCipher } from "./segments.ts";
import { newUpload, reduceUpload, type UploadEffect, type UploadEvent } from "./upload.ts";

export interface UploadPlace {
  readonly ports: ClientPorts;
  readonly store: SealedStore;
  readonly org: OrgId;
  readonly room: RoomId;
  readonly nkey: UserNkey;
  /** The connection of the moment; undefined while there is none. */
  connection(): Connection | undefined;
}

export interface Uploaded {
  readonly note: UploadNote;
  readonly sha256: Uint8Array;
}

/** Sends a file's chunks, going on where an earlier try of the same bytes was broken off. */
export async function runUpload(
  place: UploadPlace,
  source: FileSource,
  options: TransferOptions,
): Promise<Uploaded> {
  const kept = await findNote(place, source);
  const resumed = kept === undefined ? undefined : await Upload.resume(place, source, kept);
  const upload = resumed ?? (await Upload.begin(place, source));
  const uploaded = await upload.run(options);
  if (uploaded !== undefined) return uploaded;
  // Foreign bytes stood at a subject of this file: once more, under an id that nobody could guess.
  const again = await (await Upload.begin(place, source)).run(options);
  if (again === undefined) throw clientErrors.ERR_FILE_REFUSED("the file's place is taken");
  return again;
}

async function findNote(place: UploadPlace, source: FileSource): Promise<UploadNote | undefined> {
  const rows = await place.store.listAll(storeKeys.uploadsOf(place.room));
  return rows
    .map(({ value }) => parseNote(value))
    .find(({ name, lengthBytes }) => name === source.name && lengthBytes === source.lengthBytes);
}

export function fileContext(org: OrgId, room: RoomId, file: UploadNote["file"]): Uint8Array {
  return concatBytes(idBytes(org), idBytes(room), idBytes(file));
}

class Upload {
  readonly #place: UploadPlace;
  readonly #source: FileSource;
  readonly #cipher: SegmentCipher;
  readonly #header: Uint8Array;
  readonly #hash: ReturnType<ClientPorts["crypto"]["createSha256"]>;
  readonly #resumedBytes: number;
  readonly #sealed = new Map<
    number,
    { readonly payload: Uint8Array; readonly messageId: string }
  >();
  #note: UploadNote;

  private constructor(
    place: UploadPlace,
    source: FileSource,
    made: {
      readonly note: UploadNote;
      readonly cipher: SegmentCipher;
      readonly header: Uint8Array;
      readonly hash: ReturnType<ClientPorts["crypto"]["createSha256"]>;
    },
  ) {
    this.#place = place;
    this.#source = source;
    this.#note = made.note;
    this.#cipher = made.cipher;
    this.#header = made.header;
    this.#hash = made.hash;
    this.#resumedBytes = bytesOf(made.note, made.note.stored);
  }

  static async begin(place: UploadPlace, source: FileSource): Promise<Upload> {
    const { random, crypto } = place.ports;
    const note: UploadNote = {
      file: newFileId(random),
      name: source.name,
      mediaType: source.mediaType,
      lengthBytes: source.lengthBytes,
      key: randomBytes(random, FILE_KEY_BYTES),
      salt: randomBytes(random, FILE_SALT_BYTES),
      prepared: 0,
      stored: 0,
      digest: emptyDigest,
    };
    await place.store.transaction({ puts: [noteRow(place.room, note)], deletes: [] });
    return Upload.#open(place, source, { note, hash: crypto.createSha256() });
  }

  /** Rehashes what was sealed. Undefined if a byte of it is another now: then nothing is reused. */
  static async resume(
    place: UploadPlace,
    source: FileSource,
    note: UploadNote,
  ): Promise<Upload | undefined> {
    const { crypto } = place.ports;
    const hash = crypto.createSha256();
    const upload = await Upload.#open(place, source, { note, hash });
    let digest: Uint8Array = emptyDigest;
    for (let chunk = 0; chunk < note.prepared; chunk += 1) {
      const data = await upload.#read(chunk);
      hash.update(data);
      digest = chainDigest(digest, data, crypto.sha256);
      // From the very bytes that were hashed: a second reading could find others.
      if (chunk >= note.stored) await upload.#seal(chunk, data);
    }
    if (!equalBytes(digest, note.digest)) {
      const deletes = [storeKeys.upload(place.room, note.file)];
      await place.store.transaction({ puts: [], deletes });
      return undefined;
    }
    return upload;
  }

  static async #open(
    place: UploadPlace,
    source: FileSource,
    made: {
      readonly note: UploadNote;
      readonly hash: ReturnType<ClientPorts["crypto"]["createSha256"]>;
    },
  ): Promise<Upload> {
    const { note } = made;
    const context = fileContext(place.org, place.room, note.file);
    const keys = deriveSegmentKeys({ fileKey: note.key, salt: note.salt, context });
    const cipher = await createSegmentCipher(place.ports.crypto, keys);
    return new Upload(place, source, { ...made, cipher, header: fileHeader(note.salt, keys) });
  }

  /** Undefined if the file's place was taken. */
  async run(options: TransferOptions): Promise<Uploaded | undefined> {
    const { lengthBytes, prepared, stored } = this.#note;
    let state = newUpload({ chunks: chunkCount(lengthBytes), prepared, stored });
    const queue: UploadEvent[] = [{ kind: "start" }];
    let wake: (() => void) | undefined;
    let failure: { readonly error: unknown } | undefined;
    const post = (event: UploadEvent): void => {
      queue.push(event);
      wake?.();
    };
    const start = (effect: UploadEffect): void => {
      this.#perform(effect, post, options).catch((error: unknown) => {
        failure ??= { error };
        wake?.();
      });
    };
    while (state.end === undefined) {
      if (failure !== undefined) throw failure.error;
      if (options.signal?.aborted === true) {
        await this.#keepNote();
        throw clientErrors.ERR_ABORTED("the upload was stopped");
      }
      const event = queue.shift();
      if (event === undefined) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        options.signal?.addEventListener("abort", resolve);
        await promise;
        options.signal?.removeEventListener("abort", resolve);
        continue;
      }
      const step = reduceUpload(state, event);
      state = step.state;
      if (state.stored > this.#note.stored) this.#note = { ...this.#note, stored: state.stored };
      for (const effect of step.effects) start(effect);
    }
    return this.#finish(state.end);
  }

  #finish(end: NonNullable<ReturnType<typeof newUpload>["end"]>): Uploaded | undefined {
    if (end.kind === "taken") return undefined;
    if (end.kind === "failed") {
      throw end.code === "denied"
        ? clientErrors.ERR_NOT_ADMITTED(end.text)
        : clientErrors.ERR_FILE_REFUSED(`the server refused a chunk: ${end.text}`);
    }
    return { note: this.#note, sha256: this.#hash.digest() };
  }

  async #perform(
    effect: UploadEffect,
    post: (event: UploadEvent) => void,
    options: TransferOptions,
  ): Promise<void> {
    switch (effect.kind) {
      case "prepare":
        await this.#prepare(effect.from, effect.to);
        post({ kind: "prepared", upTo: effect.to });
        return;
      case "send":
        post({ kind: "sent", chunk: effect.chunk, outcome: await this.#send(effect.chunk) });
        return;
      case "drop":
        this.#sealed.delete(effect.chunk);
        return;
      case "progress":
        options.onProgress?.({
          doneBytes: bytesOf(this.#note, effect.stored),
          totalBytes: this.#note.lengthBytes,
          resumedBytes: this.#resumedBytes,
        });
        return;
      case "pause":
        await this.#place.ports.clock.wait(effect.delayMs, options.signal);
        post({ kind: "resumed" });
        return;
      default:
        throw effect satisfies never;
    }
  }

  /** What the server has need not be sent again. */
  async #keepNote(): Promise<void> {
    const { store, room } = this.#place;
    await store.transaction({ puts: [noteRow(room, this.#note)], deletes: [] });
  }

  /** Read once, in order; noted before any of it is sent. */
  async #prepare(from: number, to: number): Promise<void> {
    const { crypto } = this.#place.ports;
    let { digest } = this.#note;
    for (let chunk = from; chunk < to; chunk += 1) {
      const data = await this.#read(chunk);
      this.#hash.update(data);
      digest = chainDigest(digest, data, crypto.sha256);
      await this.#seal(chunk, data);
    }
    this.#note = { ...this.#note, prepared: to, digest };
    await this.#keepNote();
  }

  async #read(chunk: number): Promise<Uint8Array> {
    const { offset, lengthBytes } = chunkPlainRange(chunk, this.#note.lengthBytes);
    const data = await this.#source.read(offset, lengthBytes);
    if (data.length !== lengthBytes) {
      throw clientErrors.ERR_FILE_CHANGED("the file became shorter while it was read");
    }
    return data;
  }

  async #seal(chunk: number, data: Uint8Array): Promise<void> {
    const payload = await this.#cipher.seal({
      firstSegment: chunk * FILE_SEGMENTS_PER_MESSAGE,
      data,
      isLast: chunk === chunkCount(this.#note.lengthBytes) - 1,
      prefixBytes: chunk === 0 ? FILE_HEADER_BYTES : 0,
    });
    if (chunk === 0) payload.set(this.#header);
    this.#sealed.set(chunk, { payload, messageId: newPublishId(this.#place.ports.random) });
  }

  async #send(chunk: number): Promise<ChunkOutcome | { readonly kind: "taken" }> {
    const { room, nkey } = this.#place;
    const connection = this.#place.connection();
    if (connection === undefined) return { kind: "disconnected" };
    const sealed = this.#sealed.get(chunk);
    if (sealed === undefined) throw clientErrors.ERR_FILE_CHANGED("a chunk is no longer at hand");
    const subject = fileChunkSubject({ room, sender: nkey, file: this.#note.file, index: chunk });
    const outcome = await connection.publishChunk({
      subject,
      ...sealed,
      timeoutMs: PUBLISH_TIMEOUT_MS,
    });
    if (outcome.kind !== "exists") return outcome;
    const found = await connection.getChunk({ subject, timeoutMs: REQUEST_TIMEOUT_MS });
    const isOurs = found !== undefined && equalBytes(found, sealed.payload);
    return isOurs ? { kind: "stored" } : { kind: "taken" };
  }
}

function bytesOf(note: UploadNote, chunks: number): number {
  return Math.min(note.lengthBytes, chunkPlainRange(chunks, note.lengthBytes).offset);
}
