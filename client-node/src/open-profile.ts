import type { SecretBytes } from "@cloister/base";
import type { ClientPorts } from "@cloister/client-core";
import { nodeEngine } from "./engine.ts";
import { HttpsPort } from "./https-port.ts";
import { natsTransport } from "./nats/nats-transport.ts";
import { nodeClock } from "./node-clock.ts";
import { nodeCrypto, nodeRandom } from "./node-crypto.ts";
import { checkNewPassphrase } from "./passphrase.ts";
import { PinnedAuthorities } from "./pinned-authority.ts";
import { makeProfileFolder, type ProfileFolder } from "./profile.ts";
import { SqliteStore } from "./store/sqlite-store.ts";
import { createStoreKey, unlockStoreKey } from "./store-key.ts";

/** A profile that is unlocked and locked against others: everything that client-core asks for. */
export interface OpenProfile extends AsyncDisposable {
  readonly ports: ClientPorts;
}

/** Makes a new, empty profile. Throws `ERR_STORE_EXISTS` where one is, `ERR_PASSPHRASE_SHORT`. */
export async function createProfile(
  profile: ProfileFolder,
  passphrase: SecretBytes,
): Promise<OpenProfile> {
  checkNewPassphrase(passphrase);
  await makeProfileFolder(profile);
  return openStore(profile, await createStoreKey(profile.storeKeyFile, passphrase));
}

/** Throws `ERR_STORE_MISSING`, `ERR_STORE_UNLOCK` ("cannot unlock") or `ERR_STORE_LOCKED`. */
export async function openProfile(
  profile: ProfileFolder,
  passphrase: SecretBytes,
): Promise<OpenProfile> {
  return openStore(profile, await unlockStoreKey(profile.storeKeyFile, passphrase));
}

function openStore(profile: ProfileFolder, storeKey: SecretBytes): OpenProfile {
  try {
    const store = SqliteStore.open(profile.storeFile);
    const authorities = new PinnedAuthorities(profile.authorityFile);
    const http = new HttpsPort(authorities);
    const ports: ClientPorts = {
      store,
      storeKey,
      http,
      transport: natsTransport(authorities),
      clock: nodeClock,
      random: nodeRandom,
      crypto: nodeCrypto(),
      engine: nodeEngine(),
    };
    return {
      ports,
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
        await store[Symbol.asyncDispose]();
        storeKey[Symbol.dispose]();
      },
    };
  } catch (cause) {
    storeKey[Symbol.dispose]();
    throw cause;
  }
}
