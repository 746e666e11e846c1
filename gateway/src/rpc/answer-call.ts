import { reportOf } from "@cloister/base";
import { encodeErrorReply } from "@cloister/proto";
import { parseRequest, type RequestEnvelope } from "@cloister/rules";
import { type Answer, createDispatcher } from "@cloister/server-kit";
import type { GatewayParts } from "../gateway-parts.ts";
import { gatewayHandlers } from "../handlers/index.ts";
import { CALL_TIMEOUT_MS } from "../limits.ts";
import { admit } from "./admission.ts";
import { gatewayService } from "./method-table.ts";

export interface GatewayCall {
  /** Without the service: "SignIn". */
  readonly method: string;
  /** Encoded SignedRequest. */
  readonly body: Uint8Array;
  readonly address: string;
}

/** Answers calls as they came over HTTP; never throws. */
export function createAnswerer(parts: GatewayParts): (call: GatewayCall) => Promise<Answer> {
  const dispatch = createDispatcher({
    service: gatewayService,
    handlers: gatewayHandlers(parts),
    timeoutMs: CALL_TIMEOUT_MS,
    onFault: parts.onFault,
  });
  return async ({ method, body, address }) => {
    const envelope = readEnvelope(body);
    if ("reply" in envelope) return envelope;
    return dispatch({
      method,
      payload: envelope.request.payload,
      admit: (access, name) =>
        admit(parts, { bytes: body, envelope, access, method: name, address }),
    });
  };
}

function readEnvelope(body: Uint8Array): RequestEnvelope | Answer {
  try {
    return parseRequest(body);
  } catch (error) {
    return { reply: encodeErrorReply(error), error: reportOf(error) };
  }
}
