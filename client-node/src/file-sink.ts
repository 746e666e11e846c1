import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileSink } from "@cloister/client-core";
import { clientNodeErrors } from "./errors.ts";
import { syncFolder } from "./sync-folder.ts";

/**
 * A file on disk as a sink. Until its hash was right it is called `<path>.part`; one that an earlier
 * download of the same file left is gone on with, up to its last whole chunk.
 */
export class DiskFileSink implements FileSink, AsyncDisposable {
  readonly resumeBytes: number;
  readonly #path: string;
  readonly #partPath: string;
  readonly #handle: FileHandle;
  #open = true;

  private constructor(path: string, part: { handle: FileHandle; path: string; bytes: number }) {
    this.#path = path;
    this.#partPath = part.path;
    this.#handle = part.handle;
    this.resumeBytes = part.bytes;
  }

  /** `fileId` keeps parts of different files apart that are to get the same name. */
  static async open(path: string, fileId: string): Promise<DiskFileSink> {
    if (await exists(path)) {
      throw clientNodeErrors.ERR_FILE_EXISTS("a file of this name is there already");
    }
    const partPath = `${path}.${fileId.slice(-8)}.part`;
    const handle = await openPart(partPath);
    const bytes = (await handle.stat()).size;
    return new DiskFileSink(path, { handle, path: partPath, bytes });
  }

  async read(offset: number, lengthBytes: number): Promise<Uint8Array> {
    const target = Buffer.allocUnsafe(lengthBytes);
    const { bytesRead } = await this.#handle.read(target, 0, lengthBytes, offset);
    return target.subarray(0, bytesRead);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    try {
      let written = 0;
      while (written < bytes.length) {
        const left = bytes.length - written;
        written += (await this.#handle.write(bytes, written, left, offset + written)).bytesWritten;
      }
    } catch (cause) {
      throw writeError(cause);
    }
  }

  async finish(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#close();
      await moveNew(this.#partPath, this.#path);
      await syncFolder(dirname(this.#path));
    } catch (cause) {
      throw writeError(cause);
    }
  }

  async discard(): Promise<void> {
    await this.#close();
    await rm(this.#partPath, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
  }
}

async function openPart(path: string): Promise<FileHandle> {
  try {
    return await open(path, (await exists(path)) ? "r+" : "wx+", 0o600);
  } catch (cause) {
    throw clientNodeErrors.ERR_FILE_UNWRITABLE("the file cannot be made here", { cause });
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** Never onto a file that came meanwhile, where the file system has links. */
async function moveNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") throw cause;
    await rename(from, to);
    return;
  }
  await rm(from);
}

function writeError(cause: unknown): Error {
  switch (codeOf(cause)) {
    case "ENOSPC":
    case "EDQUOT":
      return clientNodeErrors.ERR_STORE_FULL("there is no space left for the file", { cause });
    case "EEXIST":
      return clientNodeErrors.ERR_FILE_EXISTS("a file of this name has come meanwhile", { cause });
    default:
      return clientNodeErrors.ERR_FILE_UNWRITABLE("the file cannot be written", { cause });
  }
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}
