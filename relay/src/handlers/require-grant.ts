import { equalBytes, type Verified } from "@cloister/base";
import { type GrantView, policyHash, verifyGrant } from "@cloister/rules";
import { relayErrors } from "../errors.ts";
import { LOG_WAIT_MS } from "../limits.ts";
import type { DeliveryContext } from "./context.ts";
import type { DeviceCaller } from "./device-caller.ts";

/**
 * Every fact of the grant is held against the caller and against the log as it is now: members judge
 * by the log that a commit names, which may be older than the revocation of a gateway.
 */
export async function requireGrant(
  context: DeliveryContext,
  caller: DeviceCaller,
  token: Uint8Array,
): Promise<Verified<GrantView>> {
  const { state, size: at } = caller.replica();
  const grant = verifyGrant(state, { token, at, nowMs: context.now() });
  const { certificate } = caller.device;
  if (
    grant.device !== certificate.device ||
    grant.account !== certificate.account ||
    grant.leafKey !== certificate.leafKey
  ) {
    throw relayErrors.ERR_RELAY_GRANT_DEVICE("the grant is for another device");
  }
  const wait = { timeoutMs: LOG_WAIT_MS };
  const newest = await context.log.waitForSize(caller.org, grant.logSize, wait);
  const current = policyHash(newest.state, { room: grant.room, at: newest.size });
  if (!equalBytes(current, grant.policyHash)) {
    throw relayErrors.ERR_RELAY_GRANT_POLICY("the room's policy has changed since the grant");
  }
  return grant;
}
