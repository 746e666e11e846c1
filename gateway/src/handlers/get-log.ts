import type { gatewayV1 } from "@cloister/proto";
import { gatewayErrors } from "../errors.ts";
import type { GatewayParts } from "../gateway-parts.ts";
import { MAX_LOG_ANSWER_BYTES } from "../limits.ts";
import type { OrgCaller } from "../rpc/caller.ts";

/** The log from a position on, as much as one answer holds, with the newest head. */
export async function getLog(
  parts: GatewayParts,
  { view }: OrgCaller,
  { from, maxRecords }: gatewayV1.GetLogRequest,
): Promise<gatewayV1.GetLogResponse> {
  const held = parts.logs.records(view.org, { from: Number(from), max: maxRecords });
  const records: Uint8Array[] = [];
  let bytes = 0;
  for (const record of held) {
    bytes += record.length;
    if (records.length > 0 && bytes > MAX_LOG_ANSWER_BYTES) break;
    records.push(record);
  }
  return { records, checkpoint: newestCheckpoint(parts, view) };
}

function newestCheckpoint(parts: GatewayParts, view: OrgCaller["view"]): Uint8Array {
  const replica = parts.logs.replica(view.org);
  if (replica === undefined) throw gatewayErrors.ERR_VERIFICATION_ORG_UNKNOWN("no such org here");
  return replica.checkpoint.signed;
}
