import { isCloisterError, orgIdFromBytes } from "@cloister/base";
import type { gatewayV1 } from "@cloister/proto";
import type { GatewayParts } from "../gateway-parts.ts";

/** What this box is; public facts alone. */
export async function discover(
  parts: GatewayParts,
  request: gatewayV1.DiscoverRequest,
): Promise<gatewayV1.DiscoverResponse> {
  return {
    version: parts.version,
    timeMs: BigInt(parts.clock.now()),
    natsUrls: [...parts.natsUrls],
    servesOrg: request.orgId.length > 0 && (await servesOrg(parts, request.orgId)),
  };
}

async function servesOrg(parts: GatewayParts, orgId: Uint8Array): Promise<boolean> {
  try {
    const replica = parts.logs.replica(orgIdFromBytes(orgId));
    if (replica === undefined) return false;
    await parts.orgKeys.serving(replica.state, replica.size);
    return true;
  } catch (error) {
    // A malformed id, a refused log, a gateway without the org's word: it does not serve.
    if (isCloisterError(error) && !error.retryable) return false;
    throw error;
  }
}
