import { baseErrors } from "./base-errors.ts";
import { equalBytes } from "./bytes.ts";
import { type Sha256, sha256 } from "./hash.ts";
import { HASH_BYTES, MAX_MERKLE_PROOF_HASHES } from "./limits.ts";
import {
  appendMerkleLeaf,
  emptyMerkleFrontier,
  merkleNodeHash,
  merkleRoot,
} from "./merkle-tree.ts";

/** Port: MTH(D[start:end]) of RFC 6962 §2.1. A log may answer from stored tiles. */
export type SubtreeRoot = (start: number, end: number) => Uint8Array;

/** Computes every subtree from the leaf hashes: for tests and for logs that fit in memory. */
export function subtreeRootOf(
  leafHashes: readonly Uint8Array[],
  hash: Sha256 = sha256,
): SubtreeRoot {
  return (start, end) =>
    merkleRoot(
      leafHashes
        .slice(start, end)
        .reduce((frontier, leaf) => appendMerkleLeaf(frontier, leaf, hash), emptyMerkleFrontier),
      hash,
    );
}

/** RFC 6962 §2.1.1: PATH(index, D[size]), nearest sibling first. */
export function merkleInclusionProof(
  subtreeRoot: SubtreeRoot,
  index: number,
  size: number,
): Uint8Array[] {
  if (!isSize(size) || !isSize(index) || index >= size) throw outOfRange();
  const path: Uint8Array[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const split = start + largestPowerOfTwoBelow(end - start);
    if (index < split) {
      path.push(subtreeRoot(split, end));
      end = split;
    } else {
      path.push(subtreeRoot(start, split));
      start = split;
    }
  }
  return path.reverse();
}

/** RFC 6962 §2.1.2: PROOF(oldSize, D[newSize]). */
export function merkleConsistencyProof(
  subtreeRoot: SubtreeRoot,
  oldSize: number,
  newSize: number,
): Uint8Array[] {
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize) throw outOfRange();
  if (oldSize === 0 || oldSize === newSize) return [];
  const path: Uint8Array[] = [];
  let start = 0;
  let end = newSize;
  let isWhole = true;
  while (end > oldSize) {
    const split = start + largestPowerOfTwoBelow(end - start);
    if (oldSize <= split) {
      path.push(subtreeRoot(split, end));
      end = split;
    } else {
      path.push(subtreeRoot(start, split));
      start = split;
      isWhole = false;
    }
  }
  if (!isWhole) path.push(subtreeRoot(start, end));
  return path.reverse();
}

export interface InclusionClaim {
  readonly leafHash: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** RFC 9162 §2.1.3.2. Throws unless the leaf stands at `index` of the tree with this root. */
export function verifyMerkleInclusion(claim: InclusionClaim, hash: Sha256 = sha256): void {
  const { index, size, proof } = claim;
  if (!isSize(size) || !isSize(index) || index >= size || !isProof(proof)) throw notIncluded();
  let node = index;
  let last = size - 1;
  let root = claim.leafHash;
  for (const sibling of proof) {
    if (last === 0) throw notIncluded();
    if (node % 2 === 1 || node === last) {
      root = merkleNodeHash(sibling, root, hash);
      while (node % 2 === 0 && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      root = merkleNodeHash(root, sibling, hash);
    }
    node = half(node);
    last = half(last);
  }
  if (last !== 0 || !equalBytes(root, claim.root)) throw notIncluded();
}

export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly newSize: number;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** RFC 9162 §2.1.4.2. Throws unless the older tree is a prefix of the newer. */
export function verifyMerkleConsistency(claim: ConsistencyClaim, hash: Sha256 = sha256): void {
  const { oldSize, newSize, proof } = claim;
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize || !isProof(proof)) {
    throw notConsistent();
  }
  if (oldSize === 0 || oldSize === newSize) {
    verifyTrivialConsistency(claim, hash);
    return;
  }
  let node = oldSize - 1;
  let last = newSize - 1;
  while (node % 2 === 1) {
    node = half(node);
    last = half(last);
  }
  const isPowerOfTwo = node === 0;
  const path = isPowerOfTwo ? [claim.oldRoot, ...proof] : proof;
  const [first, ...siblings] = path;
  if (first === undefined) throw notConsistent();
  let oldRoot = first;
  let newRoot = first;
  for (const sibling of siblings) {
    if (last === 0) throw notConsistent();
    if (node % 2 === 1 || node === last) {
      oldRoot = merkleNodeHash(sibling, oldRoot, hash);
      newRoot = merkleNodeHash(sibling, newRoot, hash);
      while (node % 2 === 0 && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      newRoot = merkleNodeHash(newRoot, sibling, hash);
    }
    node = half(node);
    last = half(last);
  }
  const agree = equalBytes(oldRoot, claim.oldRoot) && equalBytes(newRoot, claim.newRoot);
  if (last !== 0 || !agree) throw notConsistent();
}

/** The empty tree is a prefix of any; a tree is one of itself. */
function verifyTrivialConsistency(claim: ConsistencyClaim, hash: Sha256): void {
  const oldRoot = claim.oldSize === 0 ? hash(new Uint8Array(0)) : claim.newRoot;
  const isEmptyTwice = claim.newSize === 0 && !equalBytes(claim.newRoot, oldRoot);
  if (claim.proof.length > 0 || isEmptyTwice || !equalBytes(claim.oldRoot, oldRoot)) {
    throw notConsistent();
  }
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isProof(proof: readonly Uint8Array[]): boolean {
  return (
    proof.length <= MAX_MERKLE_PROOF_HASHES && proof.every((hash) => hash.length === HASH_BYTES)
  );
}

// Bit operators are limited to 32 bits; sizes are not.
function half(value: number): number {
  return Math.floor(value / 2);
}

function largestPowerOfTwoBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

function outOfRange(): Error {
  return baseErrors.ERR_MERKLE_RANGE("no such range of the tree");
}

function notIncluded(): Error {
  return baseErrors.ERR_MERKLE_INCLUSION("the proof does not place this entry in the log");
}

function notConsistent(): Error {
  return baseErrors.ERR_MERKLE_CONSISTENCY("the newer log does not continue the older");
}
