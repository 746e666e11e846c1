import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import {
  FILE_SEGMENT_BYTES,
  FILE_SEGMENT_TAG_BYTES,
  type Random,
  type Sha256Stream,
  strictEd25519,
} from "@cloister/base";
import {
  type AeadKey,
  type AeadMessage,
  type CryptoPort,
  type SegmentsJob,
  sealedSegmentsOf,
  segmentNonce,
} from "@cloister/client-core";

/** DER of an Ed25519 key up to its 32 bytes (RFC 8410 §4 and §7). */
const spkiHead = Buffer.from("302a300506032b6570032100", "hex");
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");

const SEALED_SEGMENT_BYTES = FILE_SEGMENT_BYTES + FILE_SEGMENT_TAG_BYTES;

/** The platform's randomness; each answer has memory of its own, so that it can be wiped. */
export const nodeRandom: Random = {
  bytes: (lengthBytes) => Uint8Array.from(randomBytes(lengthBytes)),
};

/** Native implementations of everything that client-core asks for, synchronous throughout. */
export function nodeCrypto(): CryptoPort {
  return {
    sha256: (data) => createHash("sha256").update(data).digest(),
    createSha256: nodeSha256Stream,
    verify: strictEd25519(({ publicKey, message, signature }) =>
      verify(null, message, importPublicKey(publicKey), signature),
    ),
    ed25519PublicKey,
    ed25519Sign: (seed, message) => sign(null, message, importPrivateKey(seed)),
    importAeadKey: nodeAeadKey,
    sealSegments,
    openSegments,
  };
}

function nodeSha256Stream(): Sha256Stream {
  const hash = createHash("sha256");
  return {
    update(data) {
      hash.update(data);
    },
    digest: () => hash.digest(),
  };
}

function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  const spki = createPublicKey(importPrivateKey(seed)).export({ format: "der", type: "spki" });
  return Uint8Array.from(spki.subarray(spkiHead.length));
}

function importPrivateKey(seed: Uint8Array): KeyObject {
  const key = Buffer.concat([pkcs8Head, seed]);
  try {
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  } finally {
    key.fill(0);
  }
}

function importPublicKey(key: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiHead, key]), format: "der", type: "spki" });
}

function nodeAeadKey(bytes: Uint8Array): AeadKey {
  const key = Uint8Array.from(bytes);
  return {
    seal: ({ nonce, data, aad }: AeadMessage) => {
      const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
      if (aad !== undefined) cipher.setAAD(aad);
      return Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
    },
    open: ({ nonce, data, aad }: AeadMessage) => openOne({ key, nonce, data, aad }),
  };
}

function openOne(message: AeadMessage & { readonly key: Uint8Array }): Uint8Array {
  const { key, nonce, data, aad } = message;
  const end = data.length - FILE_SEGMENT_TAG_BYTES;
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  if (aad !== undefined) decipher.setAAD(aad);
  decipher.setAuthTag(data.subarray(Math.max(0, end)));
  const opened = decipher.update(data.subarray(0, Math.max(0, end)));
  decipher.final();
  return opened;
}

/** As client-core does it segment by segment, in one go and into one buffer. */
function sealSegments(job: SegmentsJob): Uint8Array {
  const prefixBytes = job.prefixBytes ?? 0;
  const count = sealedSegmentsOf(job.data.length, job);
  const out = Buffer.allocUnsafe(prefixBytes + job.data.length + count * FILE_SEGMENT_TAG_BYTES);
  out.fill(0, 0, prefixBytes);
  let at = prefixBytes;
  for (let index = 0; index < count; index += 1) {
    const start = index * FILE_SEGMENT_BYTES;
    const nonce = segmentNonce(job.baseNonce, job.firstSegment + index);
    const cipher = createCipheriv("aes-256-gcm", job.key, nonce, { authTagLength: 16 });
    const sealed = cipher.update(job.data.subarray(start, start + FILE_SEGMENT_BYTES));
    out.set(sealed, at);
    cipher.final();
    out.set(cipher.getAuthTag(), at + sealed.length);
    at += sealed.length + FILE_SEGMENT_TAG_BYTES;
  }
  return out;
}

function openSegments(job: SegmentsJob): Uint8Array {
  const count = Math.ceil(job.data.length / SEALED_SEGMENT_BYTES);
  const out = Buffer.allocUnsafe(job.data.length - count * FILE_SEGMENT_TAG_BYTES);
  for (let index = 0; index < count; index += 1) {
    const start = index * SEALED_SEGMENT_BYTES;
    const opened = openOne({
      key: job.key,
      nonce: segmentNonce(job.baseNonce, job.firstSegment + index),
      data: job.data.subarray(start, start + SEALED_SEGMENT_BYTES),
    });
    out.set(opened, index * FILE_SEGMENT_BYTES);
  }
  return out;
}
