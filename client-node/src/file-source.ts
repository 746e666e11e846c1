import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { FileSource } from "@cloister/client-core";
import { clientNodeErrors } from "./errors.ts";

/** What a receiver's viewer should know by the name alone; everything else is bytes. */
const mediaTypes: Readonly<Record<string, string>> = {
  ".txt": "text/plain",
  ".md": "text/markdown",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".mp4": "video/mp4",
  ".mp3": "audio/mpeg",
  ".zip": "application/zip",
  ".tar": "application/x-tar",
  ".json": "application/json",
};

/** A file on disk as a source; the file stays open until disposed. */
export class DiskFileSource implements FileSource, AsyncDisposable {
  readonly name: string;
  readonly mediaType: string;
  readonly lengthBytes: number;
  readonly #handle: FileHandle;

  private constructor(path: string, opened: { handle: FileHandle; lengthBytes: number }) {
    this.name = basename(path);
    this.mediaType = mediaTypes[extname(path).toLowerCase()] ?? "application/octet-stream";
    this.lengthBytes = opened.lengthBytes;
    this.#handle = opened.handle;
  }

  static async open(path: string): Promise<DiskFileSource> {
    // A named pipe would keep us waiting for whoever writes into it.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    const handle = await open(path, flags).catch((cause: unknown) => {
      throw clientNodeErrors.ERR_FILE_UNREADABLE("the file cannot be opened", { cause });
    });
    const found = await handle.stat();
    if (found.isFile()) return new DiskFileSource(path, { handle, lengthBytes: found.size });
    await handle.close();
    throw clientNodeErrors.ERR_FILE_UNREADABLE("this is no regular file");
  }

  async read(offset: number, lengthBytes: number): Promise<Uint8Array> {
    const target = Buffer.allocUnsafe(lengthBytes);
    let filled = 0;
    while (filled < lengthBytes) {
      const { bytesRead } = await this.#handle.read(target, {
        offset: filled,
        length: lengthBytes - filled,
        position: offset + filled,
      });
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return target.subarray(0, filled);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
