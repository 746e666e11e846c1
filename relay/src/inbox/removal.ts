import { accountIdFromBytes, deviceIdFromBytes } from "@cloister/base";
import type { UserNkey } from "@cloister/proto";
import { deviceAt, deviceByNkey, devicesOf, isMember, type LogReplica } from "@cloister/rules";
import { isNkey } from "@cloister/server-kit";
import { inParallel } from "../store/in-parallel.ts";
import type { InboxConsumers } from "./inbox-consumers.ts";

/** Takes away whatever of a device's inbox the log does not give it. */
export async function restrictDevice(
  consumers: InboxConsumers,
  { state, size: at }: LogReplica,
  nkey: UserNkey,
): Promise<void> {
  const device = deviceByNkey(state, { nkey, at });
  if (device?.status !== "live") return consumers.remove(nkey);
  const { account } = device.certificate;
  await consumers.restrict(nkey, (room) => isMember(state, { account, room, at }));
}

/** After one entry of the log: the inboxes of those whom it may have taken something from. */
export async function restrictAfter(consumers: InboxConsumers, replica: LogReplica): Promise<void> {
  const touched = touchedDevices(replica);
  if (touched === "all") return restrictAll(consumers, replica);
  for (const nkey of touched) await restrictDevice(consumers, replica, nkey);
}

/** At start: a relay may have been down when a role ended. */
export async function restrictAll(consumers: InboxConsumers, replica: LogReplica): Promise<void> {
  const names = await consumers.names();
  const nkeys = names.filter((name) => isNkey("user", name));
  await inParallel(nkeys, (nkey) => restrictDevice(consumers, replica, nkey));
}

function touchedDevices({ state, size: at, entry }: LogReplica): readonly UserNkey[] | "all" {
  const body = entry.statement?.body;
  switch (body?.$case) {
    case "roleSet": {
      const account = accountIdFromBytes(body.value.accountId);
      return devicesOf(state, { account, at }).map(({ certificate }) => certificate.nkey);
    }
    case "deviceRevoked": {
      const device = deviceIdFromBytes(body.value.deviceId);
      const found = deviceAt(state, { device, at });
      return found === undefined ? [] : [found.certificate.nkey];
    }
    case "ownersReplaced":
      return "all";
    default:
      return [];
  }
}
