import { baseErrors } from "./base-errors.ts";
import { concatBytes } from "./bytes.ts";
import { type Sha256, sha256 } from "./hash.ts";

const leafPrefix = Uint8Array.of(0x00);
const nodePrefix = Uint8Array.of(0x01);

/** RFC 6962 §2.1: SHA-256(0x00 ‖ entry). */
export function merkleLeafHash(entry: Uint8Array, hash: Sha256 = sha256): Uint8Array {
  return hash(concatBytes(leafPrefix, entry));
}

/** RFC 6962 §2.1: SHA-256(0x01 ‖ left ‖ right). */
export function merkleNodeHash(
  left: Uint8Array,
  right: Uint8Array,
  hash: Sha256 = sha256,
): Uint8Array {
  return hash(concatBytes(nodePrefix, left, right));
}

/**
 * The roots of the perfect subtrees that make up a tree of `size` leaves, largest first: all that is
 * needed to append and to state the root. One hash per set bit of `size`.
 */
export interface MerkleFrontier {
  readonly size: number;
  readonly roots: readonly Uint8Array[];
}

export const emptyMerkleFrontier: MerkleFrontier = Object.freeze({ size: 0, roots: [] });

/** Checks a stored frontier's shape; its hashes can only be checked against a root. */
export function parseMerkleFrontier(size: number, roots: readonly Uint8Array[]): MerkleFrontier {
  const isSize = Number.isSafeInteger(size) && size >= 0;
  if (!isSize || roots.length !== countSetBits(size) || roots.some((root) => root.length !== 32)) {
    throw baseErrors.ERR_MERKLE_RANGE("malformed Merkle frontier");
  }
  return { size, roots };
}

export function appendMerkleLeaf(
  frontier: MerkleFrontier,
  leafHash: Uint8Array,
  hash: Sha256 = sha256,
): MerkleFrontier {
  const roots = [...frontier.roots];
  let node = leafHash;
  // Each trailing one of the size is a perfect subtree that the new leaf completes.
  for (let rest = frontier.size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    const left = roots.pop();
    if (left === undefined) throw baseErrors.ERR_MERKLE_RANGE("malformed Merkle frontier");
    node = merkleNodeHash(left, node, hash);
  }
  return { size: frontier.size + 1, roots: [...roots, node] };
}

/** The root of the whole tree; that of the empty tree is SHA-256 of nothing. */
export function merkleRoot(frontier: MerkleFrontier, hash: Sha256 = sha256): Uint8Array {
  const root = frontier.roots.reduceRight<Uint8Array | undefined>(
    (right, left) => (right === undefined ? left : merkleNodeHash(left, right, hash)),
    undefined,
  );
  return root ?? hash(new Uint8Array(0));
}

function countSetBits(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
