import type { GatewayParts } from "../gateway-parts.ts";
import type { SessionCaller } from "../rpc/caller.ts";

/** The same caller in the org as its log stands now; decisions look at its device and roles anew. */
export async function atNewestLog(
  parts: Pick<GatewayParts, "logs">,
  caller: SessionCaller,
): Promise<SessionCaller> {
  const { org } = caller.view;
  const { state, size } = await parts.logs.newest(org);
  return { ...caller, view: { org, state, at: size } };
}
