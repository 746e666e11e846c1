import { type FileHandle, open } from "node:fs/promises";

/** What a file bench moves: the same for every side. */
export interface FileJob {
  /** The file to send, or where the received one goes. */
  readonly path: string;
  readonly bytes: number;
}

/** Bytes of a chunk as the client's side publishes them. */
export const CHUNK_BYTES = 508_400;

export const MIB = 1024 ** 2;

/** Reads a whole file piece by piece; each piece is memory of its own. */
export async function* piecesOf(path: string, pieceBytes: number): AsyncGenerator<Uint8Array> {
  await using file = await open(path, "r");
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Durable as the client's own download is: written, then on the disk. */
export async function writeFile(
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  await using file = await open(path, "w");
  await write(file);
  await file.sync();
}
