import type { OrgId } from "@cloister/base";
import type { accountsV1 } from "@cloister/proto";
import type { GatewayParts } from "../gateway-parts.ts";
import { LOG_WAIT_MS } from "../limits.ts";

/**
 * After accounts took a statement: keeps what it told of the org's account, and waits until this
 * gateway has read the entry, so that the caller's next call is judged by it. The statement stands
 * in the log already: what fails here is not the caller's to mend.
 */
export async function noteSubmitted(
  parts: GatewayParts,
  org: OrgId,
  taken: accountsV1.SubmitResponse,
): Promise<void> {
  try {
    await parts.orgAccounts.remember(org, taken.natsAccount);
    await parts.logs.waitForSize(org, Number(taken.position) + 1, { timeoutMs: LOG_WAIT_MS });
  } catch (fault) {
    parts.onFault(fault, { method: "Submit" });
  }
}
