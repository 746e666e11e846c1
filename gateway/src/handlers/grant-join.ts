import {
  addMs,
  equalBytes,
  idBytes,
  MAX_GRANT_MS,
  parseEpochMs,
  publicKeyBytes,
  roomIdFromBytes,
} from "@cloister/base";
import type { gatewayV1 } from "@cloister/proto";
import { decide, factorNumber, policyHash, signGrant } from "@cloister/rules";
import { atNewestLog } from "../decisions/at-newest-log.ts";
import { decisionEndMs } from "../decisions/expiry.ts";
import { decisionQuery } from "../decisions/query.ts";
import { refusalOf } from "../decisions/refusal.ts";
import { gatewayErrors } from "../errors.ts";
import type { GatewayParts } from "../gateway-parts.ts";
import type { SessionCaller } from "../rpc/caller.ts";

/** Permission for this device's leaf to join this room at this epoch, for a minute. */
export async function grantJoin(
  parts: GatewayParts,
  admitted: SessionCaller,
  request: gatewayV1.GrantJoinRequest,
): Promise<gatewayV1.GrantJoinResponse> {
  const caller = await atNewestLog(parts, admitted);
  const { view, device, session } = caller;
  const room = roomIdFromBytes(request.roomId);
  const nowMs = parts.clock.now();
  if (!equalBytes(request.leafKey, publicKeyBytes(device.certificate.leafKey))) {
    throw gatewayErrors.ERR_POLICY_DEVICE_KEY("this is not the device's certified leaf key");
  }
  const query = decisionQuery(caller, room, nowMs);
  const decision = decide(view.state, query);
  if (!decision.allowed) throw refusalOf(view.state, query, decision);
  const keys = await parts.orgKeys.serving(view.state, view.at);
  const expiresMs = parseEpochMs(Math.min(addMs(nowMs, MAX_GRANT_MS), decisionEndMs(caller, room)));
  const { certificate } = device;
  const grant = await signGrant(
    view.org,
    {
      roomId: idBytes(room),
      accountId: idBytes(certificate.account),
      deviceId: idBytes(certificate.device),
      leafKey: publicKeyBytes(certificate.leafKey),
      epoch: request.epoch,
      policyHash: policyHash(view.state, { room, at: view.at }),
      logSize: BigInt(view.at),
      factors: [...new Set(session.factors.map(({ factor }) => factorNumber(factor)))],
      issuedMs: BigInt(nowMs),
      expiresMs: BigInt(expiresMs),
    },
    keys.signer,
  );
  return { grant, expiresMs: BigInt(expiresMs) };
}
