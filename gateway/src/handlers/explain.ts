import { accountIdFromBytes, roomIdFromBytes } from "@cloister/base";
import type { gatewayV1 } from "@cloister/proto";
import { decide, isOwnerOver, roomScope } from "@cloister/rules";
import { decisionMessage } from "../decisions/decision-message.ts";
import { decisionQuery } from "../decisions/query.ts";
import { gatewayErrors } from "../errors.ts";
import type { GatewayParts } from "../gateway-parts.ts";
import type { SessionCaller } from "../rpc/caller.ts";

/** One's own decision with one's own session; another's, as without factors, for owners alone. */
export async function explain(
  parts: GatewayParts,
  caller: SessionCaller,
  request: gatewayV1.ExplainRequest,
): Promise<gatewayV1.ExplainResponse> {
  const { state, at } = caller.view;
  const account = accountIdFromBytes(request.accountId);
  const room = roomIdFromBytes(request.roomId);
  const nowMs = parts.clock.now();
  const own = caller.device.certificate.account;
  if (account === own) {
    return { decision: decisionMessage(decide(state, decisionQuery(caller, room, nowMs))) };
  }
  if (!isOwnerOver(state, { account: own, scope: roomScope(room), at })) {
    throw gatewayErrors.ERR_POLICY_REFUSED("only owners over the room see others' decisions", {
      hint: "Ask an owner of the room, its project or the org.",
      details: { rule: "membership" },
    });
  }
  return { decision: decisionMessage(decide(state, { account, room, at, nowMs })) };
}
