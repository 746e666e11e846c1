import { FILE_SEGMENT_BYTES } from "@cloister/base";
import { segmentNonce, webCrypto } from "@cloister/client-core";
import { assert, asyncProperty, integer, option, tuple, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCrypto } from "./node-crypto.ts";

/** The portable implementation, which every other platform runs. */
const portable = webCrypto();
const native = nodeCrypto();
const bytes = (length: number) => uint8Array({ minLength: length, maxLength: length });
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex");

/** Refused: as a sentence, so that both sides can be compared. */
async function opened(open: () => Promise<Uint8Array> | Uint8Array): Promise<string> {
  try {
    return hex(await open());
  } catch {
    return "refused";
  }
}

describe("native and portable cryptography agree", () => {
  it("on hashes, at once and in pieces", async () => {
    await assert(
      asyncProperty(
        uint8Array({ maxLength: 500 }),
        integer({ min: 0, max: 500 }),
        async (data, at) => {
          const stream = native.createSha256();
          stream.update(data.subarray(0, at));
          stream.update(data.subarray(at));
          expect(hex(native.sha256(data))).toBe(hex(portable.sha256(data)));
          expect(hex(stream.digest())).toBe(hex(portable.sha256(data)));
        },
      ),
    );
  });

  it("on Ed25519 keys, signatures and what is none", async () => {
    const input = [
      bytes(32),
      uint8Array({ maxLength: 200 }),
      integer({ min: 0, max: 511 }),
    ] as const;
    await assert(
      asyncProperty(tuple(...input), async ([seed, message, bit]) => {
        const publicKey = native.ed25519PublicKey(seed);
        expect(hex(publicKey)).toBe(hex(portable.ed25519PublicKey(seed)));
        const signature = await native.ed25519Sign(seed, message);
        expect(hex(signature)).toBe(hex(await portable.ed25519Sign(seed, message)));
        const flipped = Uint8Array.from(signature);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        for (const { verify } of [native, portable]) {
          expect(verify({ publicKey, message, signature })).toBe(true);
          expect(verify({ publicKey, message, signature: flipped })).toBe(false);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("on AES-256-GCM, with and without associated data, cut and altered", async () => {
    const input = [
      bytes(32),
      bytes(12),
      uint8Array({ maxLength: 300 }),
      option(uint8Array({ maxLength: 50 }), { nil: undefined }),
      integer({ min: 0, max: 400 }),
    ] as const;
    await assert(
      asyncProperty(tuple(...input), async ([key, nonce, data, aad, at]) => {
        const [ours, theirs] = [await native.importAeadKey(key), await portable.importAeadKey(key)];
        const sealed = await ours.seal({ nonce, data, aad });
        expect(hex(sealed)).toBe(hex(await theirs.seal({ nonce, data, aad })));
        const altered = Uint8Array.from(sealed);
        altered[at % sealed.length] = (altered[at % sealed.length] ?? 0) ^ 1;
        for (const candidate of [sealed, altered, sealed.subarray(0, at % sealed.length)]) {
          const message = { nonce, data: candidate, aad };
          const expected = candidate === sealed ? hex(data) : "refused";
          expect(await opened(() => ours.open(message))).toBe(expected);
          expect(await opened(() => theirs.open(message))).toBe(expected);
        }
      }),
    );
  });
});

describe("segments of a file", () => {
  const input = [
    bytes(32),
    bytes(12),
    integer({ min: 0, max: 5_000_000 }),
    integer({ min: 0, max: 3 * FILE_SEGMENT_BYTES + 5 }),
    integer({ min: 0, max: 60 }),
  ] as const;

  it("[F49] are sealed each under its own nonce, as the portable code seals them, and open again", async () => {
    await assert(
      asyncProperty(
        tuple(...input),
        async ([key, baseNonce, firstSegment, length, prefixBytes]) => {
          const data = new Uint8Array(length).fill(7);
          const endsFile = length % FILE_SEGMENT_BYTES !== 0 || length === 0;
          const job = { key, baseNonce, firstSegment, data, endsFile, prefixBytes };
          const sealed = (await native.sealSegments?.(job)) ?? new Uint8Array();
          const aead = await portable.importAeadKey(key);
          const parts: Uint8Array[] = [new Uint8Array(prefixBytes)];
          for (let at = 0; at < length || (at === 0 && endsFile); at += FILE_SEGMENT_BYTES) {
            const nonce = segmentNonce(baseNonce, firstSegment + at / FILE_SEGMENT_BYTES);
            parts.push(
              await aead.seal({ nonce, data: data.subarray(at, at + FILE_SEGMENT_BYTES) }),
            );
          }
          expect(Buffer.concat(parts).equals(sealed)).toBe(true);
          const body = sealed.subarray(prefixBytes);
          const again = await native.openSegments?.({ key, baseNonce, firstSegment, data: body });
          expect(Buffer.from(again ?? []).equals(data)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("do not open in another place, cut or altered", async () => {
    await assert(
      asyncProperty(tuple(...input), async ([key, baseNonce, firstSegment, length, at]) => {
        const data = new Uint8Array(length).fill(9);
        const job = { key, baseNonce, firstSegment, data, endsFile: true };
        const sealed = (await native.sealSegments?.(job)) ?? new Uint8Array();
        const altered = Uint8Array.from(sealed);
        altered[at % altered.length] = (altered[at % altered.length] ?? 0) ^ 0x80;
        // Nothing at all is no segment: how many bytes a chunk has is the download's to check.
        const cut = sealed.subarray(0, sealed.length - 1 - (at % 15));
        const open = native.openSegments?.bind(native);
        for (const [start, candidate] of [
          [firstSegment, altered],
          [firstSegment, cut],
          [firstSegment + 1, sealed],
        ] as const) {
          const job = { key, baseNonce, firstSegment: start, data: candidate };
          expect(await opened(async () => (await open?.(job)) ?? new Uint8Array())).toBe("refused");
        }
      }),
      { numRuns: 30 },
    );
  });
});
