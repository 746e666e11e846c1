import type { GatewayCaller } from "../gateway/call.ts";
import { fetchWholeLog, gatewayLog } from "../log/fetch.ts";
import { storeKeys } from "../store/keys.ts";
import type { SealedStore } from "../store/seal-store.ts";
import { encodeIdentity, type Identity } from "./identity.ts";
import { createSigner } from "./keys.ts";
import { pendingKey } from "./pending-identity.ts";
import type { SetupPorts } from "./setup-types.ts";

/** An account that the log has, and where it is kept. */
export interface Founded {
  readonly store: SealedStore;
  readonly identity: Identity;
  readonly gateway: GatewayCaller;
}

/** The log has the account: from here on the store is its. */
export async function keepIdentity(ports: SetupPorts, founded: Founded): Promise<void> {
  const { store, identity, gateway } = founded;
  const { verify, sha256 } = ports.crypto;
  const { orgId: org } = identity;
  const source = gatewayLog(gateway, org, deviceCaller(ports, identity));
  const { puts } = await fetchWholeLog(source, { org, known: undefined, verify, sha256 });
  const identityRow = { key: storeKeys.identity, value: encodeIdentity(identity) };
  await store.transaction({ puts: [identityRow, ...puts], deletes: [pendingKey] });
}

export function deviceCaller(
  ports: SetupPorts,
  identity: Identity,
): Parameters<typeof gatewayLog>[2] {
  const signer = createSigner("statement", identity.keys.statement, ports.crypto);
  return { kind: "device", device: identity.deviceId, signer };
}
