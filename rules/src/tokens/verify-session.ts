import {
  type AccountId,
  accountIdFromBytes,
  type DeviceId,
  deviceIdFromBytes,
  type EpochMs,
  formatHex,
  type GatewayKey,
  MAX_SESSION_MS,
  markVerified,
  parseEpochMs,
  publicKeyFromBytes,
  type SessionKey,
  type Verified,
} from "@cloister/base";
import { parseMessage } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import type { SessionProof } from "../policy/decide.ts";
import { type DeviceView, liveDevice } from "../state/devices.ts";
import { factorName } from "../state/names.ts";
import type { OrgState } from "../state/org-state.ts";
import { checkLifetime, verifyGatewayToken } from "./verify-gateway-token.ts";

export interface SessionView extends SessionProof {
  /** Hex: it names the session in stores and logs. */
  readonly sessionId: string;
  readonly account: AccountId;
  readonly device: DeviceView;
  readonly deviceId: DeviceId;
  readonly sessionKey: SessionKey;
  readonly expiresMs: EpochMs;
  readonly gateway: GatewayKey;
}

/** Throws unless a gateway in force issued this session to a device that is live now. */
export function verifySession(
  state: OrgState,
  {
    token,
    at,
    nowMs,
  }: { readonly token: Uint8Array; readonly at: number; readonly nowMs: EpochMs },
): Verified<SessionView> {
  const { fields, gateway } = verifyGatewayToken(state, {
    type: "session",
    token,
    at,
    parse: (payload) => parseMessage("cloister.gateway.v1.Session", payload),
  });
  const issuedMs = parseEpochMs(fields.issuedMs);
  const expiresMs = parseEpochMs(fields.expiresMs);
  checkLifetime({ issuedMs, expiresMs, maxMs: MAX_SESSION_MS }, nowMs);
  const account = accountIdFromBytes(fields.accountId);
  const deviceId = deviceIdFromBytes(fields.deviceId);
  const device = liveDevice(state, { device: deviceId, at });
  if (device.certificate.account !== account) {
    throw rulesErrors.ERR_VERIFICATION_TOKEN_MISMATCH("the session's device is of another account");
  }
  return markVerified({
    sessionId: formatHex(fields.sessionId),
    account,
    device,
    deviceId,
    sessionKey: publicKeyFromBytes("session", fields.sessionKey),
    issuedMs,
    expiresMs,
    factors: fields.factors.map(({ factor, atMs }) => ({
      factor: factorName(factor),
      atMs: parseEpochMs(atMs),
    })),
    gateway,
  });
}
