import { randomBytes } from "node:crypto";

/** A text that stands nowhere else: where it is found, plaintext has been. */
export interface Marker {
  readonly text: string;
  /** The ways in which the text could lie in a dump: as it is, UTF-16, hex, base64 at each alignment. */
  readonly needles: readonly Buffer[];
}

export function createMarker(): Marker {
  const text = `marker-${randomBytes(16).toString("hex")}`;
  return { text, needles: needlesOf(text) };
}

function needlesOf(text: string): Buffer[] {
  const bytes = Buffer.from(text, "utf8");
  const hex = bytes.toString("hex");
  return [
    bytes,
    Buffer.from(text, "utf16le"),
    Buffer.from(hex),
    Buffer.from(hex.toUpperCase()),
    ...[0, 1, 2].flatMap((shift) => base64Needles(bytes, shift)),
  ];
}

/** Base64 of the text where it begins `shift` bytes into a group of three; only whole inner groups. */
function base64Needles(bytes: Buffer, shift: number): Buffer[] {
  const skipped = shift === 0 ? 0 : 3 - shift;
  const inner = bytes.subarray(skipped, skipped + Math.floor((bytes.length - skipped) / 3) * 3);
  return [...new Set([inner.toString("base64"), inner.toString("base64url")])].map((needle) =>
    Buffer.from(needle),
  );
}

/** Counts hits in a stream of chunks; a hit across two chunks is one too. */
export class MarkerSearch {
  readonly #needles: readonly Buffer[];
  readonly #overlapBytes: number;
  #tail: Buffer = Buffer.alloc(0);
  #hits = 0;
  #bytes = 0;

  constructor(marker: Marker) {
    this.#needles = marker.needles;
    this.#overlapBytes = Math.max(...marker.needles.map((needle) => needle.length)) - 1;
  }

  get hits(): number {
    return this.#hits;
  }

  get searchedBytes(): number {
    return this.#bytes;
  }

  add(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    const window = Buffer.concat([this.#tail, chunk]);
    for (const needle of this.#needles) {
      this.#hits += countNew(window, needle, this.#tail.length);
    }
    this.#tail = window.subarray(Math.max(0, window.length - this.#overlapBytes));
  }
}

/** Hits that end after the first `oldBytes`: those before were counted with the chunk before. */
function countNew(window: Buffer, needle: Buffer, oldBytes: number): number {
  let hits = 0;
  let at = window.indexOf(needle, Math.max(0, oldBytes - needle.length + 1));
  while (at !== -1) {
    if (at + needle.length > oldBytes) hits += 1;
    at = window.indexOf(needle, at + 1);
  }
  return hits;
}
