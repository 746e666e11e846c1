import { judgeDeviceCertified } from "./device-certified.ts";
import { judgeDeviceRevoked } from "./device-revoked.ts";
import { judgeInviteAccepted } from "./invite-accepted.ts";
import { judgeInviteIssued } from "./invite-issued.ts";
import { type Body, type Judgement, type StatementContext } from "./judgement.ts";
import { judgeOwnersReplaced } from "./owners-replaced.ts";
import { judgePolicySet } from "./policy-set.ts";
import { judgeProjectCreated } from "./project-created.ts";
import { judgeRoleSet } from "./role-set.ts";
import { judgeRoomCreated } from "./room-created.ts";
import { judgeGatewaySet, judgeRelaySet } from "./service-set.ts";

/** The table of docs/protocol.md, "The log": who signs what, and which version it changes. */
export function judge(context: StatementContext, body: Body): Judgement {
  switch (body.$case) {
    case "inviteIssued":
      return judgeInviteIssued(context, body.value);
    case "inviteAccepted":
      return judgeInviteAccepted(context, body.value);
    case "roleSet":
      return judgeRoleSet(context, body.value);
    case "policySet":
      return judgePolicySet(context, body.value);
    case "projectCreated":
      return judgeProjectCreated(context, body.value);
    case "roomCreated":
      return judgeRoomCreated(context, body.value);
    case "gatewaySet":
      return judgeGatewaySet(context, body.value);
    case "relaySet":
      return judgeRelaySet(context, body.value);
    case "deviceCertified":
      return judgeDeviceCertified(context, body.value);
    case "deviceRevoked":
      return judgeDeviceRevoked(context, body.value);
    case "ownersReplaced":
      return judgeOwnersReplaced(context, body.value);
    default:
      throw body satisfies never;
  }
}
