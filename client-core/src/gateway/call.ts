import {
  type DeviceId,
  hasErrorCode,
  type InviteId,
  idBytes,
  type OrgId,
  type Random,
  randomBytes,
  type Signer,
  signingInput,
} from "@cloister/base";
import {
  commonV1,
  encodeRequest,
  type MethodName,
  methodRule,
  parseMessage,
  parseReply,
  type RequestOf,
  type ResponseOf,
} from "@cloister/proto";
import { clientErrors } from "../errors.ts";
import { HTTP_TIMEOUT_MS, MAX_HTTP_RESPONSE_BYTES } from "../limits.ts";
import type { ClockPort, HttpPort } from "../ports.ts";

/** Who calls, and the key that proves it. */
export type Caller =
  | { readonly kind: "public" }
  | { readonly kind: "device"; readonly device: DeviceId; readonly signer: Signer<"statement"> }
  | {
      readonly kind: "invitation";
      readonly invite: InviteId;
      readonly signer: Signer<"invitation">;
    }
  | { readonly kind: "session"; readonly token: Uint8Array; readonly signer: Signer<"session"> };

export interface GatewayAddress {
  readonly url: string;
  readonly caSha256: Uint8Array | undefined;
}

export interface GatewayPorts {
  readonly http: HttpPort;
  readonly clock: ClockPort;
  readonly random: Random;
}

export interface CallOptions<Name extends MethodName> {
  readonly method: Name;
  readonly request: RequestOf<Name>;
  readonly caller: Caller;
  /** Undefined only for calls that precede an org. */
  readonly org: OrgId | undefined;
  /** Encoded Signed "checkpoint": the caller's newest. */
  readonly checkpoint?: Uint8Array | undefined;
}

/** Calls one gateway: builds and signs the request, checks and decodes the answer, throws its error. */
export interface GatewayCaller {
  call<Name extends MethodName>(options: CallOptions<Name>): Promise<ResponseOf<Name>>;
}

export function createGatewayCaller(ports: GatewayPorts, address: GatewayAddress): GatewayCaller {
  return {
    async call(options) {
      const rule = methodRule(options.method);
      const body = await signRequest(ports, options);
      const answer = await ports.http.post({
        baseUrl: address.url,
        path: `/v1/${rule.name}`,
        body,
        caSha256: address.caSha256,
        timeoutMs: HTTP_TIMEOUT_MS,
        maxResponseBytes: MAX_HTTP_RESPONSE_BYTES,
      });
      const payload = parseAnswer(answer, ports.clock);
      return parseMessage(rule.response, payload, MAX_HTTP_RESPONSE_BYTES) as never;
    },
  };
}

/** docs/protocol.md, Calls: the signature covers the encoded Request as type "request". */
export async function signRequest<Name extends MethodName>(
  ports: Pick<GatewayPorts, "clock" | "random">,
  options: CallOptions<Name>,
): Promise<Uint8Array> {
  const { caller, org } = options;
  const request = commonV1.Request.encode({
    method: options.method,
    orgId: org === undefined ? new Uint8Array(0) : idBytes(org),
    caller: callerField(caller),
    nonce: randomBytes(ports.random, 16),
    timeMs: BigInt(ports.clock.now()),
    checkpoint: options.checkpoint ?? new Uint8Array(0),
    payload: encodeRequest(options.method, options.request),
  }).finish();
  const signature = await requestSignature(request, caller, org);
  return commonV1.SignedRequest.encode({ request, signature }).finish();
}

async function requestSignature(
  request: Uint8Array,
  caller: Caller,
  org: OrgId | undefined,
): Promise<Uint8Array> {
  if (caller.kind === "public") return new Uint8Array(0);
  if (org === undefined) throw clientErrors.ERR_IDENTITY_MISSING("a signed call belongs to an org");
  return caller.signer.sign(signingInput("request", org, request));
}

function callerField(caller: Caller): commonV1.Request["caller"] {
  switch (caller.kind) {
    case "public":
      return undefined;
    case "device":
      return { $case: "deviceId", value: idBytes(caller.device) };
    case "invitation":
      return { $case: "inviteId", value: idBytes(caller.invite) };
    case "session":
      return { $case: "sessionToken", value: caller.token };
    default:
      throw caller satisfies never;
  }
}

function parseAnswer(
  answer: { readonly status: number; readonly body: Uint8Array },
  clock: ClockPort,
): Uint8Array {
  try {
    return parseReply(answer.body);
  } catch (error) {
    if (hasErrorCode(error, "ERR_VERIFICATION_CLOCK_SKEW")) throw clockSkew(error, clock);
    if (
      hasErrorCode(error, "ERR_MESSAGE_MALFORMED") ||
      hasErrorCode(error, "ERR_MESSAGE_INVALID")
    ) {
      throw clientErrors.ERR_GATEWAY_ANSWER(`not a gateway's answer (HTTP ${answer.status})`, {
        cause: error,
        hint: "look at the gateway's URL",
        details: { status: answer.status },
      });
    }
    throw error;
  }
}

/** Says which clock is off and by how much: the most common reason for a refused sign-in. */
function clockSkew(cause: Error & { readonly details: unknown }, clock: ClockPort): Error {
  const details = cause.details as Readonly<Record<string, string | number | boolean>> | undefined;
  const serverMs = Number(details?.["serverTimeMs"] ?? details?.["server_time_ms"] ?? Number.NaN);
  const seconds = Math.round((clock.now() - serverMs) / 1000);
  const text = Number.isFinite(seconds)
    ? `this device's clock is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead of" : "behind"} the server's`
    : "this device's clock and the server's are too far apart";
  return clientErrors.ERR_VERIFICATION_CLOCK_SKEW(text, {
    cause,
    hint: "set the clock of this device, then try again",
    ...(Number.isFinite(seconds) ? { details: { seconds } } : {}),
  });
}
