import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  merkleConsistencyProof,
  merkleInclusionProof,
  subtreeRootOf,
  verifyMerkleConsistency,
  verifyMerkleInclusion,
} from "./merkle-proof.ts";
import {
  appendMerkleLeaf,
  emptyMerkleFrontier,
  type MerkleFrontier,
  merkleLeafHash,
  merkleRoot,
  parseMerkleFrontier,
} from "./merkle-tree.ts";
import { formatHex, parseHex } from "./radix.ts";
import { utf8Bytes } from "./text.ts";

// The reference entries and roots of certificate-transparency's own tests for RFC 6962.
const referenceEntries = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map(parseHex);
const referenceRoots = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const maxLeaves = 70;
const leaves = Array.from({ length: maxLeaves }, (_, index) =>
  merkleLeafHash(utf8Bytes(`${index}`)),
);
const subtreeRoot = subtreeRootOf(leaves);
const rootAt = (size: number) => subtreeRoot(0, size);

describe("RFC 6962 Merkle trees", () => {
  test("reference roots", () => {
    let frontier: MerkleFrontier = emptyMerkleFrontier;
    expect(formatHex(merkleRoot(frontier))).toBe(
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    const roots = referenceEntries.map((entry) => {
      frontier = appendMerkleLeaf(frontier, merkleLeafHash(entry));
      return formatHex(merkleRoot(frontier));
    });
    expect(roots).toEqual(referenceRoots);
  });

  test("a reference inclusion proof: entry 0 of 8", () => {
    const proof = merkleInclusionProof(
      subtreeRootOf(referenceEntries.map((e) => merkleLeafHash(e))),
      0,
      8,
    );
    expect(proof.map(formatHex)).toEqual([
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]);
  });

  test("every inclusion up to 70 leaves verifies, at no other place", () => {
    for (let size = 1; size <= maxLeaves; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const leafHash = leaves[index] ?? new Uint8Array(0);
        const proof = merkleInclusionProof(subtreeRoot, index, size);
        const claim = { leafHash, index, size, root: rootAt(size), proof };
        verifyMerkleInclusion(claim);
        if (size > 1) {
          const elsewhere = { ...claim, index: (index + 1) % size };
          expect(() => verifyMerkleInclusion(elsewhere)).toThrow(/does not place/);
        }
      }
    }
  });

  test("every consistency up to 70 leaves verifies", () => {
    for (let newSize = 0; newSize <= maxLeaves; newSize += 1) {
      for (let oldSize = 0; oldSize <= newSize; oldSize += 1) {
        const proof = merkleConsistencyProof(subtreeRoot, oldSize, newSize);
        verifyMerkleConsistency({
          oldSize,
          oldRoot: rootAt(oldSize),
          newSize,
          newRoot: rootAt(newSize),
          proof,
        });
      }
    }
  });

  test("a changed bit, a missing or an extra hash is refused", () => {
    const spot = fc.record({
      newSize: fc.integer({ min: 2, max: maxLeaves }),
      at: fc.nat(),
      bit: fc.nat(255),
    });
    fc.assert(
      fc.property(spot, ({ newSize, at, bit }) => {
        const oldSize = 1 + (at % (newSize - 1));
        const proof = merkleConsistencyProof(subtreeRoot, oldSize, newSize);
        const claim = {
          oldSize,
          oldRoot: rootAt(oldSize),
          newSize,
          newRoot: rootAt(newSize),
          proof,
        };
        const flipped = proof.map((hash, i) => (i === at % proof.length ? flip(hash, bit) : hash));
        const refused = [
          { ...claim, proof: flipped },
          { ...claim, proof: proof.slice(1) },
          { ...claim, proof: [...proof, new Uint8Array(32)] },
          { ...claim, oldRoot: flip(claim.oldRoot, bit) },
          { ...claim, newRoot: flip(claim.newRoot, bit) },
          { ...claim, oldSize: newSize, newSize: oldSize },
        ];
        for (const other of refused) {
          expect(() => verifyMerkleConsistency(other)).toThrow(/does not continue/);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("malformed sizes and proofs are refused before anything is hashed", () => {
    const claim = { leafHash: rootAt(1), index: 0, size: 1, root: rootAt(1), proof: [] };
    const longProof = Array.from({ length: 108 }, () => new Uint8Array(32));
    const refused = [
      { ...claim, size: 0 },
      { ...claim, index: -1 },
      { ...claim, index: 0.5 },
      { ...claim, size: 2 ** 53 },
      { ...claim, proof: [new Uint8Array(31)] },
      { ...claim, size: 2 ** 52, proof: longProof },
    ];
    for (const other of refused) {
      expect(() => verifyMerkleInclusion(other)).toThrow(
        expect.objectContaining({ code: "ERR_MERKLE_INCLUSION" }),
      );
    }
    expect(() => merkleInclusionProof(subtreeRoot, 3, 3)).toThrow(/range/);
    expect(() => merkleConsistencyProof(subtreeRoot, 4, 3)).toThrow(/range/);
  });

  test("a stored frontier must fit its size", () => {
    expect(parseMerkleFrontier(5, [rootAt(4), rootAt(1)]).size).toBe(5);
    expect(() => parseMerkleFrontier(4, [rootAt(4), rootAt(1)])).toThrow(/frontier/);
    expect(() => parseMerkleFrontier(1, [new Uint8Array(31)])).toThrow(/frontier/);
  });
});

function flip(hash: Uint8Array, bit: number): Uint8Array {
  return hash.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
}
