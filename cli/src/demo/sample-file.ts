import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { cliErrors } from "../errors.ts";
import type { Marker } from "./marker.ts";

const BLOCK_BYTES = 4096;

export interface SampleFile {
  readonly path: string;
  readonly lengthBytes: number;
  readonly sha256: string;
  readonly markers: number;
}

/**
 * Real bytes to send: the sources under `sourceFolder`, one after the other with their names, until
 * `minBytes` are reached, and at the end of every 4 KiB the marker. Throws where they are too few.
 */
export async function writeSampleFile(options: {
  readonly sourceFolder: string;
  readonly path: string;
  readonly minBytes: number;
  readonly marker: Marker;
}): Promise<SampleFile> {
  const marker = Buffer.from(`\n${options.marker.text}\n`);
  const hash = createHash("sha256");
  await using file = await open(options.path, "wx", 0o600);
  let lengthBytes = 0;
  for await (const content of blocksOf(
    archive(options.sourceFolder),
    BLOCK_BYTES - marker.length,
  )) {
    const block = Buffer.concat([content, marker]);
    await file.writeFile(block);
    hash.update(block);
    lengthBytes += block.length;
    if (lengthBytes >= options.minBytes) break;
  }
  if (lengthBytes < options.minBytes) {
    throw cliErrors.ERR_DEMO(
      `the sources below ${options.sourceFolder} are ${lengthBytes} bytes; ${options.minBytes} are to be sent`,
      { hint: "Install the dependencies completely: make demo does, npm install too." },
    );
  }
  const markers = lengthBytes / BLOCK_BYTES;
  return { path: options.path, lengthBytes, sha256: hash.digest("hex"), markers };
}

async function* archive(folder: string): AsyncGenerator<Buffer> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sources = entries
    .filter((entry) => entry.isFile() && /\.(?:[cm]?[jt]s|json|md)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of sources) {
    yield Buffer.from(`\n==> ${relative(folder, path)} <==\n`);
    yield* createReadStream(path) as AsyncIterable<Buffer>;
  }
}

/** Only whole blocks: what is left over at the end is dropped. */
async function* blocksOf(
  chunks: AsyncIterable<Buffer>,
  blockBytes: number,
): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  for await (const chunk of chunks) {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes < blockBytes) continue;
    let joined: Buffer = Buffer.concat(waiting);
    for (; joined.length >= blockBytes; joined = joined.subarray(blockBytes)) {
      yield joined.subarray(0, blockBytes);
    }
    waiting = [joined];
    waitingBytes = joined.length;
  }
}
