import type { OrgId, RoomId } from "@cloister/base";
import { parseUserNkey, type UserNkey } from "@cloister/proto";
import {
  type DeviceView,
  deviceByNkey,
  isMember,
  type LogReplica,
  type RoomFact,
  roomAt,
} from "@cloister/rules";
import type { LogFollower, ServiceCaller } from "@cloister/server-kit";
import { relayErrors } from "../errors.ts";
import { LOG_GRACE_MS } from "../limits.ts";
import type { OrgDirectory } from "../orgs/org-directory.ts";

/** A device whose nkey and org the server proved, and which the log holds live. */
export interface DeviceCaller {
  readonly org: OrgId;
  readonly nkey: UserNkey;
  readonly device: DeviceView;
  /** The org's log as it stands when this is called. */
  readonly replica: () => LogReplica;
}

export interface AdmissionOptions {
  readonly directory: OrgDirectory;
  readonly log: LogFollower<LogReplica>;
}

/** Finds the device behind a call. Throws ERR_RELAY_CALLER unless it is live in its org's log now. */
export async function admitDevice(
  { directory, log }: AdmissionOptions,
  from: ServiceCaller,
): Promise<DeviceCaller> {
  const org = directory.orgOfAccount(from.account);
  const nkey = parseUserNkey(from.user);
  if (org === undefined) {
    throw relayErrors.ERR_RELAY_ORG_UNAVAILABLE("this relay does not serve the caller's org yet");
  }
  const replica = () => {
    const held = log.replica(org);
    if (held === undefined) throw refused();
    return held;
  };
  const device = await withGrace({ log, org, replica }, () => liveDevice(replica(), nkey));
  if (device === undefined) throw refused();
  return { org, nkey, device, replica };
}

function liveDevice({ state, size: at }: LogReplica, nkey: UserNkey): DeviceView | undefined {
  const device = deviceByNkey(state, { nkey, at });
  return device?.status === "live" ? device : undefined;
}

function refused(): Error {
  return relayErrors.ERR_RELAY_CALLER("no live device calls from here");
}

interface GraceOptions {
  readonly log: LogFollower<LogReplica>;
  readonly org: OrgId;
  readonly replica: () => LogReplica;
}

/** A device may know an entry some milliseconds before this process does: one more look after it. */
async function withGrace<T>(at: GraceOptions, look: () => T | undefined): Promise<T | undefined> {
  const deadline = performance.now() + LOG_GRACE_MS;
  for (;;) {
    const found = look();
    const leftMs = deadline - performance.now();
    if (found !== undefined || leftMs <= 0) return found;
    const size = at.replica().size + 1;
    await at.log.waitForSize(at.org, size, { timeoutMs: leftMs }).catch(() => undefined);
  }
}

/** The room, if the caller is a member of it. An unknown room and a foreign one answer alike. */
export async function memberRoom(
  log: LogFollower<LogReplica>,
  caller: DeviceCaller,
  room: RoomId,
): Promise<RoomFact> {
  const { org, replica } = caller;
  const { account } = caller.device.certificate;
  const found = await withGrace({ log, org, replica }, () => {
    const { state, size: at } = replica();
    return isMember(state, { account, room, at }) ? roomAt(state, { room, at }) : undefined;
  });
  if (found === undefined) throw relayErrors.ERR_RELAY_ROOM_UNKNOWN("no such room for this device");
  return found;
}
