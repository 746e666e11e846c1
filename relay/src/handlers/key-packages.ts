import {
  accountIdFromBytes,
  deviceIdFromBytes,
  equalBytes,
  idBytes,
  publicKeyBytes,
  roomIdFromBytes,
} from "@cloister/base";
import type { KeyPackageView } from "@cloister/group-engine/types";
import { parseMessage, type relayV1 } from "@cloister/proto";
import {
  type Certificate,
  deviceAt,
  isMember,
  isOwnerOver,
  ROOM_SUITE,
  roomScope,
} from "@cloister/rules";
import { relayErrors } from "../errors.ts";
import type { DeliveryContext } from "./context.ts";
import { type DeviceCaller, memberRoom } from "./device-caller.ts";

/** Keeps one-time packages of the calling device, each checked to be of its certified leaf. */
export async function publishKeyPackages(
  context: DeliveryContext,
  caller: DeviceCaller,
  request: relayV1.PublishKeyPackagesRequest,
): Promise<relayV1.PublishKeyPackagesResponse> {
  const { certificate } = caller.device;
  const packages = await context.engine.use((engine) =>
    request.keyPackages.map((keyPackage) => {
      const view = engine.inspectKeyPackage(keyPackage);
      requireOwnLeaf(view, { org: caller.org, certificate });
      return { ref: view.keyPackageRef, keyPackage };
    }),
  );
  const owner = { org: caller.org, device: certificate.device };
  return { available: await context.keyPackages.add(owner, packages) };
}

/** Gives a room's owner one package of each device that the log entitles to the room. */
export async function claimKeyPackages(
  context: DeliveryContext,
  caller: DeviceCaller,
  request: relayV1.ClaimKeyPackagesRequest,
): Promise<relayV1.ClaimKeyPackagesResponse> {
  const room = roomIdFromBytes(request.roomId);
  await memberRoom(context.log, caller, room);
  const { state, size: at } = caller.replica();
  const { account } = caller.device.certificate;
  // Only an owner's Add is valid; to anybody else a package would be of no use but to use it up.
  if (!isOwnerOver(state, { account, scope: roomScope(room), at })) {
    throw relayErrors.ERR_RELAY_NOT_OWNER("key packages are for owners over the room");
  }
  const claimed: relayV1.ClaimKeyPackagesResponse_Claimed[] = [];
  for (const deviceId of request.deviceIds) {
    const device = deviceAt(state, { device: deviceIdFromBytes(deviceId), at });
    const isEntitled =
      device?.status === "live" &&
      isMember(state, { account: device.certificate.account, room, at });
    const owner = { org: caller.org, device: deviceIdFromBytes(deviceId) };
    const keyPackage = isEntitled ? await context.keyPackages.claim(owner) : undefined;
    claimed.push({ deviceId, keyPackage: keyPackage ?? new Uint8Array() });
  }
  return { claimed };
}

/** A package under another's name, or of a key that nobody certified, would let a stranger in. */
function requireOwnLeaf(
  view: KeyPackageView,
  own: { readonly org: DeviceCaller["org"]; readonly certificate: Certificate },
): void {
  const { orgId, accountId, deviceId } = parseMessage(
    "cloister.rooms.v1.LeafCredential",
    view.credential,
  );
  const isOwn =
    equalBytes(orgId, idBytes(own.org)) &&
    accountIdFromBytes(accountId) === own.certificate.account &&
    deviceIdFromBytes(deviceId) === own.certificate.device &&
    equalBytes(view.signatureKey, publicKeyBytes(own.certificate.leafKey));
  if (!isOwn) {
    throw relayErrors.ERR_RELAY_KEY_PACKAGE("the package is not of the caller's certified leaf");
  }
  if (view.suite !== ROOM_SUITE || view.lastResort) {
    throw relayErrors.ERR_RELAY_KEY_PACKAGE("one-time packages of the rooms' suite only");
  }
}
