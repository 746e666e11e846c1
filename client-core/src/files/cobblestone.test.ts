import { createCipheriv, createHmac } from "node:crypto";
import { concatBytes, formatHex, sha256, utf8Bytes } from "@cloister/base";
import { describe, expect, it } from "vitest";
import { webCrypto } from "../crypto/web-crypto.ts";
import { deriveSegmentKeys, fileHeader, segmentNonce, verifyFileHeader } from "./cobblestone.ts";
import { chunkCount, chunkPlainRange, chunkWireBytes, segmentCount } from "./layout.ts";
import { createSegmentCipher } from "./segments.ts";

const fileKey = Uint8Array.from({ length: 32 }, (_, index) => index);
const salt = Uint8Array.from({ length: 24 }, (_, index) => 100 + index);
const context = utf8Bytes("context");

/** RFC 5869 §2.3 by hand, with Node's own HMAC: an independent reading of the specification. */
function expandByHand(lengthBytes: number): Uint8Array {
  const info = concatBytes(
    utf8Bytes("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"),
    salt,
    context,
  );
  let block = new Uint8Array(0);
  let out = new Uint8Array(0);
  for (let counter = 1; out.length < lengthBytes; counter += 1) {
    const hmac = createHmac("sha512", fileKey).update(block).update(info);
    block = Uint8Array.from(hmac.update(Uint8Array.of(counter)).digest());
    out = concatBytes(out, block);
  }
  return out.subarray(0, lengthBytes);
}

describe("Cobblestone-256 (C2SP chunked-encryption)", () => {
  it("derives key, base nonce and commitment as the specification says", () => {
    const { key, baseNonce, commitment } = deriveSegmentKeys({ fileKey, salt, context });
    expect(formatHex(concatBytes(key, baseNonce, commitment))).toBe(formatHex(expandByHand(76)));
  });

  it("seals segment k under the base nonce XOR k, with no associated data", async () => {
    const keys = deriveSegmentKeys({ fileKey, salt, context });
    const cipher = await createSegmentCipher(webCrypto(), keys);
    const data = new Uint8Array(16_384 + 5).fill(9);
    const sealed = await cipher.seal({ firstSegment: 31, data, isLast: true, prefixBytes: 0 });
    const nonce = Uint8Array.from(keys.baseNonce);
    nonce[11] = (nonce[11] ?? 0) ^ 32;
    const native = createCipheriv("aes-256-gcm", keys.key, nonce);
    const second = concatBytes(
      native.update(data.subarray(16_384)),
      native.final(),
      native.getAuthTag(),
    );
    expect(formatHex(sealed.subarray(16_400))).toBe(formatHex(second));
    expect(await cipher.open({ firstSegment: 31, data: sealed })).toEqual(data);
  });

  it("counts beyond 32 bits", () => {
    const zero = new Uint8Array(12);
    expect(formatHex(segmentNonce(zero, 2 ** 37 + 5))).toBe("000000000000002000000005");
  });

  it("golden bytes: a file of three bytes, version 1", async () => {
    const keys = deriveSegmentKeys({ fileKey, salt, context });
    const cipher = await createSegmentCipher(webCrypto(), keys);
    const data = Uint8Array.of(1, 2, 3);
    const chunk = await cipher.seal({ firstSegment: 0, data, isLast: true, prefixBytes: 56 });
    chunk.set(fileHeader(salt, keys));
    expect(chunk).toHaveLength(56 + 3 + 16);
    expect(formatHex(sha256(chunk))).toMatchInlineSnapshot(
      `"bce41ad7820f6cba712b701e2b2958345463cc38d296c98cde4b81dd51a3a49a"`,
    );
  });

  it("refuses a header of another key, salt or context", () => {
    const header = fileHeader(salt, deriveSegmentKeys({ fileKey, salt, context }));
    expect(() => verifyFileHeader(header, { fileKey, context })).not.toThrow();
    expect(() => verifyFileHeader(header, { fileKey, context: utf8Bytes("other") })).toThrow(
      /does not belong/,
    );
    const other = Uint8Array.from(fileKey);
    other[0] = 99;
    expect(() => verifyFileHeader(header, { fileKey: other, context })).toThrow(/does not belong/);
    const moved = Uint8Array.from(header);
    moved[0] = 0;
    expect(() => verifyFileHeader(moved, { fileKey, context })).toThrow(/does not belong/);
  });

  it("refuses a file that ends early: the last segment is always short", async () => {
    const cipher = await createSegmentCipher(
      webCrypto(),
      deriveSegmentKeys({ fileKey, salt, context }),
    );
    const job = { firstSegment: 0, data: new Uint8Array(100), isLast: false, prefixBytes: 0 };
    await expect(cipher.seal(job)).rejects.toMatchObject({ code: "ERR_FILE_CHANGED" });
  });

  it.each([
    [0, 1, 1, 56 + 16],
    [16_383, 1, 1, 56 + 16_383 + 16],
    [16_384, 2, 1, 56 + 16_384 + 32],
    [31 * 16_384 - 1, 31, 1, 56 + 508_400 - 1],
    [31 * 16_384, 32, 2, 56 + 508_400],
    [10 * 1024 * 1024, 641, 21, 56 + 508_400],
  ])("a file of %i bytes has %i segments in %i chunks", (...figures) => {
    const [length, segments, chunks, first] = figures;
    expect(segmentCount(length)).toBe(segments);
    expect(chunkCount(length)).toBe(chunks);
    expect(chunkWireBytes(0, length)).toBe(first);
    const last = chunkPlainRange(chunks - 1, length);
    expect(last.offset + last.lengthBytes).toBe(length);
  });
});
