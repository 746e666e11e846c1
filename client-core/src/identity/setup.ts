import { newDeviceId, publicKeyFromBytes } from "@cloister/base";
import { storeKeys } from "../store/keys.ts";
import { openSealedStore } from "../store/seal-store.ts";
import { acceptInvitation } from "./accept-invitation.ts";
import { createOrg } from "./found-org.ts";
import {
  encodeIdentity,
  ownIdentity,
  readIdentity,
  refuseSecondIdentity,
  viewOf,
} from "./identity.ts";
import { certificateOf, createDeviceKeys } from "./keys.ts";
import type { DeviceLink, IdentityView, PreparedDevice, Setup, SetupPorts } from "./setup-types.ts";

async function loadIdentity(
  ports: Pick<SetupPorts, "store" | "storeKey" | "crypto" | "random">,
): Promise<IdentityView | undefined> {
  using identity = await readIdentity(await openSealedStore(ports));
  return identity === undefined ? undefined : viewOf(identity);
}

/** A further device of an account: of no use until an older one has certified it. */
async function prepareDevice(ports: SetupPorts, link: DeviceLink): Promise<PreparedDevice> {
  const store = await openSealedStore(ports);
  await refuseSecondIdentity(store);
  const keys = createDeviceKeys(ports.random);
  const deviceId = newDeviceId(ports.random);
  using identity = ownIdentity({
    orgId: link.orgId,
    orgName: link.orgName,
    accountId: link.accountId,
    deviceId,
    personName: link.personName,
    gatewayUrl: link.gatewayUrl,
    caSha256: link.caSha256,
    logKey: publicKeyFromBytes("log", link.logKey),
    keys,
    accountSeed: undefined,
  });
  const puts = [{ key: storeKeys.identity, value: encodeIdentity(identity) }];
  await store.transaction({ puts, deletes: [] });
  const { accountId: account } = link;
  const certificate = certificateOf({ device: deviceId, account, keys, crypto: ports.crypto });
  return { ...viewOf(identity), certificate };
}

/** Setting up a store: everything before the first {@link import("../client/connect.ts").connect}. */
export const setup: Setup = { createOrg, acceptInvitation, prepareDevice, loadIdentity };
