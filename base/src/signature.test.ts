import { createHash, createPublicKey, verify as nodeVerify } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { orgIdFromBytes } from "./ids.ts";
import { parsePublicKey, publicKeyBytes, publicKeyFromBytes } from "./keys.ts";
import { formatHex, parseHex } from "./radix.ts";
import {
  type Ed25519Verify,
  signingInput,
  strictEd25519,
  verifySignature,
  verifyWithNoble,
} from "./signature.ts";

const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");
const verifyWithNode: Ed25519Verify = ({ publicKey, message, signature }) => {
  const der = Buffer.concat([spkiPrefix, publicKey]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  return nodeVerify(null, message, key, signature);
};
const verifiers = [
  { name: "noble", verify: verifyWithNoble },
  { name: "native", verify: strictEd25519(verifyWithNode) },
];

// RFC 8032 §7.1, tests 1 to 3.
const vectors = [
  {
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
  {
    publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature:
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
].map(({ publicKey, message, signature }) => ({
  publicKey: parseHex(publicKey),
  message: parseHex(message),
  signature: parseHex(signature),
}));

/** A point of order 8 (the list of small-order points in RFC 7748's and libsodium's tests). */
const orderEight = parseHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
const groupOrder = ed25519.Point.Fn.ORDER;

/** Signs so that the cofactored equation holds and the cofactorless does not: R gains torsion. */
function signWithTorsion(secretKey: Uint8Array, message: Uint8Array) {
  const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(secretKey);
  const r = 12_345n;
  const pointR = ed25519.Point.BASE.multiply(r).add(ed25519.Point.fromBytes(orderEight));
  const encodedR = pointR.toBytes();
  const digest = hashToScalar(Buffer.concat([encodedR, pointBytes, message]));
  const s = (r + digest * scalar) % groupOrder;
  const signature = Buffer.concat([encodedR, littleEndian(s)]);
  return { publicKey: pointBytes, message, signature: Uint8Array.from(signature) };
}

function hashToScalar(input: Uint8Array): bigint {
  const digest = createHash("sha512").update(input).digest();
  return BigInt(`0x${formatHex(digest.reverse())}`) % groupOrder;
}

function littleEndian(value: bigint): Uint8Array {
  return parseHex(value.toString(16).padStart(64, "0")).reverse();
}

describe.each(verifiers)("Ed25519 by $name", ({ verify }) => {
  test("RFC 8032 vectors", () => {
    for (const vector of vectors) expect(verify(vector)).toBe(true);
  });

  test("any flipped bit of signature, message or key is refused", () => {
    const [, , vector] = vectors;
    if (vector === undefined) throw new Error("vector missing");
    const field = fc.constantFrom("signature", "message", "publicKey" as const);
    fc.assert(
      fc.property(field, fc.nat(), fc.nat(7), (name, at, bit) => {
        const index = at % vector[name].length;
        const changed = vector[name].map((byte, i) => (i === index ? byte ^ (1 << bit) : byte));
        expect(verify({ ...vector, [name]: changed })).toBe(false);
      }),
      { numRuns: 40 },
    );
  });

  test("lengths other than 32 and 64 are refused, not thrown", () => {
    const [vector] = vectors;
    if (vector === undefined) throw new Error("vector missing");
    expect(verify({ ...vector, signature: new Uint8Array(63) })).toBe(false);
    expect(verify({ ...vector, publicKey: new Uint8Array(33) })).toBe(false);
  });

  test("S above the group order is refused (malleability)", () => {
    const [vector] = vectors;
    if (vector === undefined) throw new Error("vector missing");
    const s = BigInt(`0x${formatHex(vector.signature.slice(32).reverse())}`);
    const signature = Buffer.concat([vector.signature.slice(0, 32), littleEndian(s + groupOrder)]);
    expect(verify({ ...vector, signature })).toBe(false);
  });

  test("small-order keys are refused: they would accept every message", () => {
    const identity = Uint8Array.of(1, ...new Uint8Array(31));
    const signature = Buffer.concat([identity, new Uint8Array(32)]);
    for (const publicKey of [identity, orderEight]) {
      expect(verify({ publicKey, message: Uint8Array.of(1), signature })).toBe(false);
    }
  });

  test("a signature that only the cofactored equation accepts is refused", () => {
    const forged = signWithTorsion(new Uint8Array(32).fill(5), Uint8Array.of(1, 2));
    // The control: without our check the portable implementation takes it and Node does not.
    expect(ed25519.verify(forged.signature, forged.message, forged.publicKey)).toBe(true);
    expect(verify(forged)).toBe(false);
  });

  test("the identity as R is refused: native libraries differ on it", () => {
    const secretKey = new Uint8Array(32).fill(6);
    const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(secretKey);
    const identity = Uint8Array.of(1, ...new Uint8Array(31));
    const message = Uint8Array.of(9);
    const k = hashToScalar(Buffer.concat([identity, pointBytes, message]));
    const signature = Buffer.concat([identity, littleEndian((k * scalar) % groupOrder)]);
    expect(ed25519.verify(signature, message, pointBytes)).toBe(true);
    expect(verify({ publicKey: pointBytes, message, signature })).toBe(false);
  });
});

describe("signing context", () => {
  const org = orgIdFromBytes(new Uint8Array(32).fill(7));
  const otherOrg = orgIdFromBytes(new Uint8Array(32).fill(8));
  const secretKey = new Uint8Array(32).fill(9);
  const publicKey = publicKeyFromBytes("account", ed25519.getPublicKey(secretKey));
  const payload = Uint8Array.of(1, 2, 3);

  test("layout: cloister/v1/<type>, zero, org id, payload", () => {
    const input = Buffer.from(signingInput("statement", org, payload));
    expect(input.toString("latin1")).toBe(
      `cloister/v1/statement\0${"\x07".repeat(32)}\x01\x02\x03`,
    );
  });

  test("a signature counts for its type, org, payload and key only", () => {
    const signature = ed25519.sign(signingInput("statement", org, payload), secretKey);
    const signed = { type: "statement", org, payload, signature, publicKey };
    verifySignature(signed);
    const otherKey = publicKeyFromBytes("account", ed25519.getPublicKey(new Uint8Array(32)));
    const refused = [
      { ...signed, type: "checkpoint" },
      { ...signed, org: otherOrg },
      { ...signed, payload: Uint8Array.of(1, 2) },
      { ...signed, publicKey: otherKey },
    ];
    for (const other of refused) {
      expect(() => verifySignature(other)).toThrow(
        expect.objectContaining({ code: "ERR_SIGNATURE_INVALID", kind: "Verification" }),
      );
    }
  });

  test("malformed type names are refused", () => {
    for (const type of ["", "A", "a\0b", "a b", "a-", "a".repeat(65)]) {
      expect(() => signingInput(type, org, payload)).toThrow(/signed type/);
    }
  });

  test("a key of another role, spelling or length is refused", () => {
    expect(publicKeyBytes(parsePublicKey("account", publicKey))).toEqual(
      ed25519.getPublicKey(secretKey),
    );
    for (const text of [publicKey.toUpperCase(), `${publicKey}a`, publicKey.slice(0, -1), ""]) {
      expect(() => parsePublicKey("account", text)).toThrow(/public key of role/);
    }
    expect(() => parsePublicKey("session", publicKey)).toThrow(/role session/);
  });
});
