import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMarker, MarkerSearch } from "./marker.ts";

const hitsIn = (marker: ReturnType<typeof createMarker>, ...chunks: Uint8Array[]): number => {
  const search = new MarkerSearch(marker);
  for (const chunk of chunks) search.add(chunk);
  return search.hits;
};

describe("marker search", () => {
  const marker = createMarker();
  const bytes = Buffer.from(marker.text);

  it("finds nothing where nothing is", () => {
    expect(hitsIn(marker, randomBytes(1 << 20), Buffer.from("marker-"))).toBe(0);
  });

  it("finds the text once wherever a chunk ends", () => {
    fc.assert(
      fc.property(fc.nat(400), fc.array(fc.nat(400), { maxLength: 6 }), (before, cuts) => {
        const dump = Buffer.concat([Buffer.alloc(before, 1), bytes, Buffer.alloc(300, 2)]);
        const edges = [
          0,
          ...cuts.filter((cut) => cut < dump.length).sort((a, b) => a - b),
          dump.length,
        ];
        const chunks = edges.slice(1).map((edge, index) => dump.subarray(edges[index], edge));
        expect(hitsIn(marker, ...chunks)).toBe(1);
      }),
    );
  });

  it("finds it in hex, UTF-16 and base64 at each alignment", () => {
    expect(hitsIn(marker, Buffer.from(bytes.toString("hex")))).toBe(1);
    expect(hitsIn(marker, Buffer.from(marker.text, "utf16le"))).toBe(1);
    for (const shift of [0, 1, 2, 3]) {
      const padded = Buffer.concat([randomBytes(shift), bytes, randomBytes(5)]);
      expect(hitsIn(marker, Buffer.from(padded.toString("base64")))).toBeGreaterThan(0);
      expect(hitsIn(marker, Buffer.from(padded.toString("base64url")))).toBeGreaterThan(0);
    }
  });
});
