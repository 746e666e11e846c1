import {
  type DeviceId,
  deviceIdFromBytes,
  type EpochMs,
  type GatewayKey,
  inviteIdFromBytes,
  markVerified,
  type OrgId,
  orgIdFromBytes,
  type PublicKey,
  parseEpochMs,
  REQUEST_WINDOW_MS,
  type Verified,
  verifySignature,
} from "@cloister/base";
import { type commonV1, parseMessage } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { type DeviceView, liveDevice } from "../state/devices.ts";
import { type InviteView, inviteAt } from "../state/invites.ts";
import { logTimeAt, type OrgState, orgOf } from "../state/org-state.ts";
import { type SessionView, verifySession } from "./verify-session.ts";

/** A request as read, nothing of it verified: for finding the org, or for methods open to everybody. */
export interface RequestEnvelope {
  /** The bytes that the signature covers. */
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
  readonly request: commonV1.Request;
  /** Undefined only for calls that precede an org. */
  readonly org: OrgId | undefined;
}

export type RequestCaller =
  | { readonly kind: "session"; readonly session: Verified<SessionView> }
  | { readonly kind: "device"; readonly device: DeviceView; readonly deviceId: DeviceId }
  | { readonly kind: "invitation"; readonly invite: InviteView };

export interface RequestView {
  readonly caller: RequestCaller;
  readonly method: string;
  /** To be burnt by the receiver for as long as the window lasts. */
  readonly nonce: Uint8Array;
  readonly timeMs: EpochMs;
  /** Encoded Signed: the caller's newest, to be verified by verifyCheckpoint; empty before the first. */
  readonly checkpoint: Uint8Array;
  /** The method's own message, not validated. */
  readonly payload: Uint8Array;
}

export interface RequestQuery {
  /** Encoded SignedRequest. */
  readonly request: Uint8Array;
  /** Full name of the method that was called. */
  readonly method: string;
  readonly at: number;
  readonly nowMs: EpochMs;
  /** Takes only sessions of this gateway; without one, those of any that the log authorises. */
  readonly gateway?: GatewayKey | undefined;
}

export function parseRequest(bytes: Uint8Array): RequestEnvelope {
  const signed = parseMessage("cloister.common.v1.SignedRequest", bytes);
  const request = parseMessage("cloister.common.v1.Request", signed.request);
  const org = request.orgId.length === 0 ? undefined : orgIdFromBytes(request.orgId);
  return { bytes: signed.request, signature: signed.signature, request, org };
}

/**
 * Throws unless the request is for this method and org, from now, and signed by the key of the
 * caller that it names. The nonce is the receiver's to burn, what the caller may do is the method's.
 */
export function verifyRequest(state: OrgState, query: RequestQuery): Verified<RequestView> {
  const envelope = parseRequest(query.request);
  const { request } = envelope;
  if (envelope.org !== orgOf(state)) {
    throw rulesErrors.ERR_VERIFICATION_ORG("a request to another org");
  }
  const timeMs = checkRequestFrame(request, query);
  const { caller, publicKey } = callerOf(state, request, query);
  verifyRequestSignature(state, envelope, publicKey);
  const { method, nonce, checkpoint, payload } = request;
  return markVerified({ caller, method, nonce, timeMs, checkpoint, payload });
}

/** Method and time: what also holds for requests that nobody signs. */
export function checkRequestFrame(
  request: commonV1.Request,
  { method, nowMs }: Pick<RequestQuery, "method" | "nowMs">,
): EpochMs {
  if (request.method !== method) {
    throw rulesErrors.ERR_VERIFICATION_REQUEST_METHOD("a request for another method", {
      details: { called: method },
    });
  }
  const timeMs = parseEpochMs(request.timeMs);
  const aheadMs = timeMs - nowMs;
  if (Math.abs(aheadMs) > REQUEST_WINDOW_MS) {
    const seconds = Math.round(Math.abs(aheadMs) / 1000);
    const side = aheadMs > 0 ? "ahead of" : "behind";
    throw rulesErrors.ERR_VERIFICATION_CLOCK_SKEW(
      `the clock is ${seconds} s ${side} the server's`,
      {
        details: { aheadMs, serverTimeMs: nowMs },
      },
    );
  }
  return timeMs;
}

interface Caller {
  readonly caller: RequestCaller;
  readonly publicKey: PublicKey;
}

function callerOf(state: OrgState, { caller }: commonV1.Request, query: RequestQuery): Caller {
  switch (caller?.$case) {
    case "sessionToken":
      return sessionCaller(state, caller.value, query);
    case "deviceId": {
      const deviceId = deviceIdFromBytes(caller.value);
      const device = liveDevice(state, { device: deviceId, at: query.at });
      const publicKey = device.certificate.statementKey;
      return { caller: { kind: "device", device, deviceId }, publicKey };
    }
    case "inviteId":
      return invitationCaller(state, caller.value, query);
    case undefined:
      throw rulesErrors.ERR_VERIFICATION_REQUEST_CALLER("the request names no caller");
    default:
      throw caller satisfies never;
  }
}

function sessionCaller(state: OrgState, token: Uint8Array, query: RequestQuery): Caller {
  const session = verifySession(state, { token, at: query.at, nowMs: query.nowMs });
  if (query.gateway !== undefined && session.gateway !== query.gateway) {
    throw rulesErrors.ERR_VERIFICATION_GATEWAY("a session of another gateway");
  }
  return { caller: { kind: "session", session }, publicKey: session.sessionKey };
}

/**
 * An invitation opens the log and its own acceptance. It ends here by the clock as well: the time of
 * a log that nobody appends to stands still.
 */
function invitationCaller(state: OrgState, id: Uint8Array, { at, nowMs }: RequestQuery): Caller {
  const logMs = logTimeAt(state, at);
  const timeMs = nowMs > logMs ? nowMs : logMs;
  const invite = inviteAt(state, { invite: inviteIdFromBytes(id), at, timeMs });
  if (invite === undefined) throw rulesErrors.ERR_POLICY_INVITE_UNKNOWN("no such invitation");
  if (invite.status === "expired") {
    throw rulesErrors.ERR_POLICY_INVITE_EXPIRED("the invitation has expired");
  }
  if (invite.status !== "open") {
    throw invite.status === "used"
      ? rulesErrors.ERR_POLICY_INVITE_USED("the invitation was accepted before")
      : rulesErrors.ERR_POLICY_INVITE_CLOSED("the invitation is closed");
  }
  return { caller: { kind: "invitation", invite }, publicKey: invite.inviteKey };
}

function verifyRequestSignature(
  state: OrgState,
  { bytes, signature }: RequestEnvelope,
  publicKey: PublicKey,
): void {
  try {
    const signed = { type: "request", org: orgOf(state), payload: bytes, signature, publicKey };
    verifySignature(signed, state.crypto.verify);
  } catch (cause) {
    throw rulesErrors.ERR_VERIFICATION_REQUEST_SIGNATURE("not signed by the caller's key", {
      cause,
    });
  }
}
