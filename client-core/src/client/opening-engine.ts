import type { MemberEngine } from "@cloister/group-engine/types";
import { encodeLeafCredential } from "@cloister/rules";
import type { Identity } from "../identity/identity.ts";
import type { ClientPorts } from "../ports.ts";
import { engineKeyOf, storeKeys } from "../store/keys.ts";
import type { SealedStore } from "../store/seal-store.ts";

/** The group engine with everything that this device has stored for it. */
export async function openEngine(
  ports: ClientPorts,
  { store, identity }: { readonly store: SealedStore; readonly identity: Identity },
): Promise<MemberEngine> {
  const credential = encodeLeafCredential({
    org: identity.orgId,
    account: identity.accountId,
    device: identity.deviceId,
  });
  const seed = identity.keys.leaf.expose((bytes) => Uint8Array.from(bytes));
  try {
    const engine = await ports.engine({
      leafSecretSeed: seed,
      credential,
      fillRandom: (target) => target.set(ports.random.bytes(target.length)),
    });
    const rows = await store.listAll(storeKeys.engine);
    engine.restore(rows.map(({ key, value }) => ({ key: engineKeyOf(key), value })));
    return engine;
  } finally {
    seed.fill(0);
  }
}
