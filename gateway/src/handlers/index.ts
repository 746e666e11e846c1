import type { ServiceHandlers } from "@cloister/server-kit";
import type { GatewayParts } from "../gateway-parts.ts";
import {
  type Caller,
  requireDevice,
  requireInvitation,
  requireOrg,
  requirePublic,
  requireSession,
} from "../rpc/caller.ts";
import type { gatewayService } from "../rpc/method-table.ts";
import { connect } from "./connect.ts";
import { discover } from "./discover.ts";
import { explain } from "./explain.ts";
import { enrolFactor, presentFactor } from "./factors.ts";
import { createOrg, reserveOrg } from "./found-org.ts";
import { getLog } from "./get-log.ts";
import { grantJoin } from "./grant-join.ts";
import { signIn } from "./sign-in.ts";
import { register, submitStatement } from "./statements.ts";

/** One handler a method: a missing one does not compile. */
export function gatewayHandlers(
  parts: GatewayParts,
): ServiceHandlers<typeof gatewayService, Caller> {
  return {
    Discover: (request, { caller }) => {
      requirePublic(caller);
      return discover(parts, request);
    },
    ReserveOrg: (request, { caller }) => reserveOrg(parts, requirePublic(caller).address, request),
    CreateOrg: (request, { caller }) => createOrg(parts, requirePublic(caller).address, request),
    GetLog: (request, { caller }) => getLog(parts, requireOrg(caller), request),
    Register: (request, { caller }) => register(parts, requireInvitation(caller), request),
    SubmitStatement: (request, { caller }) =>
      submitStatement(parts, requireDevice(caller), request),
    SignIn: (request, { caller }) => signIn(parts, requireDevice(caller), request),
    EnrolFactor: (request, { caller }) => enrolFactor(parts, requireSession(caller), request),
    PresentFactor: (request, { caller }) => presentFactor(parts, requireSession(caller), request),
    Connect: (request, { caller }) => connect(parts, requireSession(caller), request),
    GrantJoin: (request, { caller }) => grantJoin(parts, requireSession(caller), request),
    Explain: (request, { caller }) => explain(parts, requireSession(caller), request),
  };
}
