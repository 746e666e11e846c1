import { equalBytes, idBytes } from "@cloister/base";
import { type gatewayV1, parseMessage, type statementsV1 } from "@cloister/proto";
import { gatewayErrors } from "../errors.ts";
import type { GatewayParts } from "../gateway-parts.ts";
import type { Caller, OrgCaller } from "../rpc/caller.ts";
import { noteSubmitted } from "./note-submitted.ts";

type SubmitRequest = gatewayV1.SubmitStatementRequest;
type SubmitResponse = gatewayV1.SubmitStatementResponse;

/** An invitation accepts itself and does nothing else. */
export async function register(
  parts: GatewayParts,
  caller: Extract<Caller, { kind: "invitation" }>,
  { statement }: SubmitRequest,
): Promise<SubmitResponse> {
  const body = bodyOf(statement);
  const invite = idBytes(caller.invite.invite);
  if (body?.$case !== "inviteAccepted" || !equalBytes(body.value.inviteId, invite)) {
    throw gatewayErrors.ERR_STATEMENT_KIND("an invitation can only accept itself", {
      hint: "send the InviteAccepted of the invitation that signs the call",
    });
  }
  return submit(parts, caller, statement);
}

/** Whether the statement may stand is for accounts and the rules: the same that members replay. */
export function submitStatement(
  parts: GatewayParts,
  caller: Extract<Caller, { kind: "device" }>,
  { statement }: SubmitRequest,
): Promise<SubmitResponse> {
  return submit(parts, caller, statement);
}

async function submit(
  parts: GatewayParts,
  { view }: OrgCaller,
  statement: Uint8Array,
): Promise<SubmitResponse> {
  const taken = await parts.accounts.submit({ orgId: idBytes(view.org), statement });
  await noteSubmitted(parts, view.org, taken);
  return { position: taken.position, logRecord: taken.logRecord };
}

function bodyOf(signed: Uint8Array): statementsV1.Statement["body"] {
  const { content } = parseMessage("cloister.statements.v1.SignedStatement", signed);
  if (content?.$case !== "statement") return undefined;
  return parseMessage("cloister.statements.v1.Statement", content.value).body;
}
