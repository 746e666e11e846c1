import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { webCrypto } from "../src/crypto/web-crypto.ts";
import { verifyFileHeader } from "../src/files/cobblestone.ts";
import { FILE_HEADER_BYTES } from "../src/files/layout.ts";
import { createSegmentCipher } from "../src/files/segments.ts";

interface Vectors {
  readonly source: string;
  readonly cases: readonly {
    readonly length: number;
    readonly key: string;
    readonly context: string;
    readonly plaintextSeed: string;
    readonly ciphertext: string;
  }[];
}

/** Made once by another implementation of Cobblestone-256; the file says which. */
const vectors = JSON.parse(
  readFileSync(new URL("cobblestone-256.json", import.meta.url), "utf8"),
) as Vectors;

function plaintextOf(seed: string, length: number): Buffer {
  const block = createHash("sha512").update(seed).digest();
  return Buffer.alloc(length, block);
}

describe("[F96] files sealed by another implementation of Cobblestone-256", () => {
  it.each(vectors.cases)("$length bytes open to what went in", async (vector) => {
    const sealed = Buffer.from(vector.ciphertext, "base64");
    const header = sealed.subarray(0, FILE_HEADER_BYTES);
    const fileKey = Buffer.from(vector.key, "hex");
    const context = Buffer.from(vector.context, "hex");
    const keys = verifyFileHeader(header, { fileKey, context });
    const cipher = await createSegmentCipher(webCrypto(), keys);
    const opened = await cipher.open({ firstSegment: 0, data: sealed.subarray(FILE_HEADER_BYTES) });
    expect(Buffer.from(opened)).toEqual(plaintextOf(vector.plaintextSeed, vector.length));
    const other = { fileKey, context: Buffer.from(`${vector.context}00`, "hex") };
    expect(() => verifyFileHeader(header, other)).toThrow(
      expect.objectContaining({ code: "ERR_FILE_TAMPERED" }),
    );
  });
});
