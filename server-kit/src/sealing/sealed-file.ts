import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { SecretBytes } from "@cloister/base";
import type { SealingKey } from "./seal.ts";
import { sealingErrors } from "./sealing-errors.ts";

/** Longest file that is read as a sealed one, or as a private one. */
export const MAX_PRIVATE_FILE_BYTES = 1_048_576;

/** Replaces a file in one step, mode 0600: after a crash the old or the new one is there, whole. */
export async function writePrivateFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${randomUUID()}.draft`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await writeSynced(draft, bytes);
    await rename(draft, path);
    await syncDirectory(dirname(path));
  } finally {
    await rm(draft, { force: true });
  }
}

/** Makes a file that must not exist yet; false if it does. */
export async function createPrivateFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const draft = `${path}.${randomUUID()}.draft`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await writeSynced(draft, bytes);
    // Unlike rename, link refuses to replace; unlike opening with "wx", it shows no half a file.
    await link(draft, path);
    await syncDirectory(dirname(path));
    return true;
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Undefined if there is no such file. */
export async function readPrivateFile(path: string): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY);
    const { size } = await file.stat();
    if (size > MAX_PRIVATE_FILE_BYTES) {
      throw sealingErrors.ERR_SEALED_FILE("a private file is longer than any of ours", {
        details: { lengthBytes: size, maxBytes: MAX_PRIVATE_FILE_BYTES },
      });
    }
    return await file.readFile();
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}

export interface SealedFile {
  readonly key: SealingKey;
  readonly path: string;
  /** Bound to the contents: a sealed file put in the place of another does not open. */
  readonly purpose: string;
}

export async function writeSealedFile(file: SealedFile, plaintext: Uint8Array): Promise<void> {
  await writePrivateFile(file.path, file.key.sealBytes(file.purpose, plaintext));
}

export async function readSealedFile(file: SealedFile): Promise<SecretBytes> {
  const sealed = await readPrivateFile(file.path);
  if (sealed === undefined) {
    throw sealingErrors.ERR_SEALED_FILE(`the sealed file for ${file.purpose} is missing`);
  }
  return file.key.openSealed(file.purpose, sealed);
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(bytes);
  await file.sync();
}

export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, constants.O_RDONLY);
  await directory.sync();
}

export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
