import { setTimeout as delay } from "node:timers/promises";
import {
  type EpochMs,
  idBytes,
  MAX_NATS_JWT_MS,
  parseEpochMs,
  type RoomId,
  roomIdFromBytes,
} from "@cloister/base";
import { type gatewayV1, nkeyBytes, roomTag } from "@cloister/proto";
import {
  type Decision,
  decide,
  orgScope,
  policyAt,
  roomsOfAccount,
  signPass,
} from "@cloister/rules";
import { encodeUserJwt, MAX_ROOMS_PER_USER_JWT } from "@cloister/server-kit";
import { atNewestLog } from "../decisions/at-newest-log.ts";
import { decisionMessage } from "../decisions/decision-message.ts";
import { decisionEndMs } from "../decisions/expiry.ts";
import { firstIssueSecond } from "../decisions/issue-time.ts";
import { decisionQuery } from "../decisions/query.ts";
import { refusalOf } from "../decisions/refusal.ts";
import { gatewayErrors } from "../errors.ts";
import type { GatewayParts } from "../gateway-parts.ts";
import { MAX_ISSUE_WAIT_MS } from "../limits.ts";
import type { SessionCaller } from "../rpc/caller.ts";

type ConnectResponse = gatewayV1.ConnectResponse;

/** Decides over the rooms; signs a NATS token and a pass that name those allowed and no other. */
export async function connect(
  parts: GatewayParts,
  admitted: SessionCaller,
  request: gatewayV1.ConnectRequest,
): Promise<ConnectResponse> {
  await untilIssuable(parts, admitted);
  const caller = await atNewestLog(parts, admitted);
  // Nothing waits between these two: what the token says is what the log says at its time.
  const nowMs = parts.clock.now();
  const decisions = decideAll(caller, request, nowMs);
  const rooms = decisions.filter(({ allowed }) => allowed).map(({ room }) => room);
  throwIfDenied(caller);
  if (request.roomIds.length > 0) throwIfAllRefused({ caller, decisions, nowMs });
  const expiresMs = connectEndMs(caller, rooms, nowMs);
  const { natsJwt, pass } = await signConnection(parts, caller, { rooms, nowMs, expiresMs });
  return {
    natsJwt,
    pass,
    expiresMs: BigInt(expiresMs),
    natsUrls: [...parts.natsUrls],
    decisions: decisions.map(decisionMessage),
  };
}

async function untilIssuable(parts: GatewayParts, { view, device }: SessionCaller): Promise<void> {
  const { nkey: user } = device.certificate;
  const nowMs = parts.clock.now();
  const second = firstIssueSecond(view.state, { user, nowMs });
  const waitMs = Math.min(second * 1_000 - nowMs, MAX_ISSUE_WAIT_MS);
  if (waitMs > 0) await delay(waitMs);
}

function decideAll(
  caller: SessionCaller,
  { roomIds }: gatewayV1.ConnectRequest,
  nowMs: EpochMs,
): Decision[] {
  const { view, device } = caller;
  const { account } = device.certificate;
  const named = [...new Set(roomIds.map(roomIdFromBytes))];
  const rooms =
    named.length > 0
      ? named
      : roomsOfAccount(view.state, { account, at: view.at }).map(({ room }) => room);
  if (rooms.length > MAX_ROOMS_PER_USER_JWT) {
    throw gatewayErrors.ERR_LIMIT_ROOMS(`one connection takes ${MAX_ROOMS_PER_USER_JWT} rooms`, {
      hint: "name the rooms that you want; a second connection takes others",
      details: { rooms: rooms.length, maxRooms: MAX_ROOMS_PER_USER_JWT },
    });
  }
  return rooms.map((room) => decide(view.state, decisionQuery(caller, room, nowMs)));
}

/** Whom the org denies gets no connection at all, whatever rooms would say. */
function throwIfDenied({ view, device }: SessionCaller): void {
  const denied =
    policyAt(view.state, { scope: orgScope, at: view.at })?.policy.deniedAccounts ?? [];
  if (denied.includes(device.certificate.account)) {
    throw gatewayErrors.ERR_POLICY_REFUSED("org policy: denies this account", {
      hint: "Ask an owner of the org to lift the denial.",
      details: { rule: "org policy" },
    });
  }
}

/**
 * Who named rooms and gets none hears the first refusal. Who asked for all there are gets a token
 * for the services alone, and a decision for each room: it may have to present a factor first.
 */
function throwIfAllRefused(input: {
  readonly caller: SessionCaller;
  readonly decisions: readonly Decision[];
  readonly nowMs: EpochMs;
}): void {
  const { caller, decisions, nowMs } = input;
  const [first] = decisions;
  if (first === undefined || decisions.some(({ allowed }) => allowed)) return;
  throw refusalOf(caller.view.state, decisionQuery(caller, first.room, nowMs), first);
}

/** In whole seconds, as NATS counts, and never past what any of the rooms allows. */
function connectEndMs(caller: SessionCaller, rooms: readonly RoomId[], nowMs: EpochMs): EpochMs {
  const ends = rooms.map((room) => decisionEndMs(caller, room));
  const endMs = Math.min(nowMs + MAX_NATS_JWT_MS, caller.session.expiresMs, ...ends);
  const wholeMs = Math.floor(endMs / 1_000) * 1_000;
  if (wholeMs <= nowMs) {
    throw gatewayErrors.ERR_POLICY_REFUSED("the session or a factor is at its end", {
      hint: "Sign in, or present the factor, again.",
    });
  }
  return parseEpochMs(wholeMs);
}

async function signConnection(
  parts: GatewayParts,
  { view, device }: SessionCaller,
  {
    rooms,
    nowMs,
    expiresMs,
  }: {
    readonly rooms: readonly RoomId[];
    readonly nowMs: EpochMs;
    readonly expiresMs: EpochMs;
  },
): Promise<{ natsJwt: string; pass: Uint8Array }> {
  const keys = await parts.orgKeys.serving(view.state, view.at);
  const { certificate } = device;
  const natsJwt = encodeUserJwt(
    {
      user: certificate.nkey,
      account: await parts.orgAccounts.of(view.org),
      name: certificate.device,
      tags: rooms.map(roomTag),
      issuedAtSeconds: Math.floor(nowMs / 1_000),
      expiresAtSeconds: expiresMs / 1_000,
    },
    keys.natsSigner,
  );
  const pass = await signPass(
    view.org,
    {
      deviceId: idBytes(certificate.device),
      nkey: nkeyBytes(certificate.nkey),
      roomIds: rooms.map(idBytes),
      issuedMs: BigInt(nowMs),
      expiresMs: BigInt(expiresMs),
    },
    keys.signer,
  );
  return { natsJwt, pass };
}
