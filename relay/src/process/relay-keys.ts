import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { join } from "node:path";
import { publicKeyFromBytes, type Signer } from "@cloister/base";
import { createPrivateFile, NkeyPair, readSealedFile, type SealingKey } from "@cloister/server-kit";

/** DER of an Ed25519 key up to its 32 bytes (RFC 8410 §4 and §7). */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");
const spkiHeadBytes = 12;
const seedBytes = 32;
const purpose = "relay-keys";

/** A relay's two keys: one signs fences, one signs its own NATS tokens in the orgs' accounts. */
export interface RelayKeys extends Disposable {
  readonly signer: Signer<"relay">;
  readonly natsSigningKey: NkeyPair<"account">;
}

/** Opens the keys of this box's relay; makes them at its first start. */
export async function openRelayKeys(stateDir: string, box: SealingKey): Promise<RelayKeys> {
  const path = join(stateDir, "relay", "keys.sealed");
  const fresh = randomBytes(2 * seedBytes);
  await createPrivateFile(path, box.sealBytes(purpose, fresh));
  fresh.fill(0);
  using seeds = await readSealedFile({ key: box, path, purpose });
  return seeds.expose((bytes) => {
    const natsSigningKey = NkeyPair.fromSeedBytes("account", bytes.subarray(seedBytes));
    return {
      signer: relaySigner(bytes.subarray(0, seedBytes)),
      natsSigningKey,
      [Symbol.dispose]: () => natsSigningKey[Symbol.dispose](),
    };
  });
}

function relaySigner(seed: Uint8Array): Signer<"relay"> {
  const privateKey = privateKeyOf(seed);
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return {
    publicKey: publicKeyFromBytes("relay", spki.subarray(spkiHeadBytes)),
    sign: (input) => Promise.resolve(sign(null, input, privateKey)),
  };
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  const key = Buffer.concat([pkcs8Head, seed]);
  try {
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  } finally {
    key.fill(0);
  }
}
