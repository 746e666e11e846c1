import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { SecretBytes, type Signer } from "@cloister/base";
import {
  createPrivateFile,
  ed25519Signer,
  NkeyPair,
  readSealedFile,
  type SealingKey,
} from "@cloister/server-kit";

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
    using fenceSeed = SecretBytes.copyOf(bytes.subarray(0, seedBytes));
    const natsSigningKey = NkeyPair.fromSeedBytes("account", bytes.subarray(seedBytes));
    return {
      signer: ed25519Signer("relay", fenceSeed),
      natsSigningKey,
      [Symbol.dispose]: () => natsSigningKey[Symbol.dispose](),
    };
  });
}
