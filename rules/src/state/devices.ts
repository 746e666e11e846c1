import type { AccountId, AccountKey, DeviceId, EpochMs } from "@cloister/base";
import type { UserNkey } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import type { Certificate, DeviceFact } from "./facts.ts";
import { valueAt } from "./history.ts";
import { logTimeAt, type OrgState } from "./org-state.ts";
import { roleOf } from "./roles.ts";
import { orgScope } from "./scope.ts";

/** Only a live device signs, connects and has a leaf. */
export type DeviceStatus = "live" | "revoked" | "expired" | "no-role";

export interface DeviceView {
  readonly certificate: Certificate;
  readonly certifiedAt: number;
  /** Log time of its certification: what its age counts from. */
  readonly certifiedMs: EpochMs;
  readonly status: DeviceStatus;
}

export interface DeviceQuery {
  readonly device: DeviceId;
  readonly at: number;
  /** The log time to expire by: that of the entry or checkpoint in hand. Default: of the log at this size. */
  readonly timeMs?: EpochMs | undefined;
}

/** The device as a log of this size knows it; undefined if it was certified later or never. */
export function deviceAt(state: OrgState, query: DeviceQuery): DeviceView | undefined {
  const fact = state.devices.get(query.device);
  if (fact === undefined || fact.certifiedAt >= query.at) return undefined;
  const { certificate, certifiedAt, certifiedMs } = fact;
  return { certificate, certifiedAt, certifiedMs, status: statusAt(state, fact, query) };
}

function statusAt(state: OrgState, fact: DeviceFact, { at, timeMs }: DeviceQuery): DeviceStatus {
  if (fact.revokedAt !== undefined && fact.revokedAt < at) return "revoked";
  const { account, expiresMs } = fact.certificate;
  if (expiresMs !== undefined && expiresMs <= (timeMs ?? logTimeAt(state, at))) return "expired";
  // Roles below the org end with the role in it, so this one stands for all.
  return roleOf(state, { account, scope: orgScope, at }) === undefined ? "no-role" : "live";
}

/** Throws unless the device is live at this size. */
export function liveDevice(state: OrgState, query: DeviceQuery): DeviceView {
  const device = deviceAt(state, query);
  if (device?.status !== "live") {
    throw rulesErrors.ERR_VERIFICATION_DEVICE("the device is not live at this size of the log", {
      details: { device: query.device, at: query.at, status: device?.status ?? "unknown" },
    });
  }
  return device;
}

export function deviceByNkey(
  state: OrgState,
  { nkey, ...rest }: Omit<DeviceQuery, "device"> & { readonly nkey: UserNkey },
): DeviceView | undefined {
  const device = state.devicesByNkey.get(nkey);
  return device === undefined ? undefined : deviceAt(state, { device, ...rest });
}

/** Every device of the account, in the order of certification, whatever its status. */
export function devicesOf(
  state: OrgState,
  { account, ...rest }: Omit<DeviceQuery, "device"> & { readonly account: AccountId },
): DeviceView[] {
  return (state.devicesByAccount.get(account) ?? []).flatMap(
    (device) => deviceAt(state, { device, ...rest }) ?? [],
  );
}

export interface AccountView {
  readonly account: AccountId;
  /** The account key in force. */
  readonly key: AccountKey;
  readonly registeredAt: number;
}

export function accountAt(
  state: OrgState,
  { account, at }: { readonly account: AccountId; readonly at: number },
): AccountView | undefined {
  const fact = state.accounts.get(account);
  const key = valueAt(fact?.keys, at);
  if (fact === undefined || key === undefined) return undefined;
  return { account, key, registeredAt: fact.registeredAt };
}
