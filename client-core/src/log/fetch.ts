import type { OrgId } from "@cloister/base";
import type { RulesCrypto } from "@cloister/rules";
import type { Caller, GatewayCaller } from "../gateway/call.ts";
import { LOG_PAGE_RECORDS } from "../limits.ts";
import type { PlainRow } from "../store/seal-store.ts";
import { type LogPage, type LogState, openLog, reduceLog } from "./keeper.ts";

export interface LogSource {
  page(from: number, checkpoint: Uint8Array | undefined): Promise<LogPage>;
}

/** The log over HTTPS, for who has no NATS connection yet. */
export function gatewayLog(gateway: GatewayCaller, org: OrgId, caller: Caller): LogSource {
  return {
    page: (from, checkpoint) =>
      gateway.call({
        method: "cloister.gateway.v1.GatewayService/GetLog",
        request: { from: BigInt(from), maxRecords: LOG_PAGE_RECORDS },
        caller,
        org,
        checkpoint,
      }),
  };
}

export interface FetchedLog {
  readonly state: LogState;
  readonly puts: readonly PlainRow[];
}

/** Fetches until nothing is missing; every page is verified before the next is asked for. */
export async function fetchWholeLog(
  source: LogSource,
  options: RulesCrypto & {
    readonly org: OrgId;
    readonly known: LogState | undefined;
    /** Before the first entry is known: what the caller was shown. */
    readonly checkpoint?: Uint8Array | undefined;
  },
): Promise<FetchedLog> {
  let state = options.known;
  const puts: PlainRow[] = [];
  for (;;) {
    const page = await source.page(
      state?.replica.size ?? 0,
      state?.newest.signed ?? options.checkpoint,
    );
    if (state === undefined) {
      const opened = openLog(page, options);
      state = opened.state;
      puts.push(...opened.puts);
    } else {
      const step = reduceLog(state, page);
      if (step.kind === "conflict") throw step.error;
      state = step.state;
      puts.push(...step.puts);
    }
    if (state.replica.size >= state.newest.size || page.records.length === 0)
      return { state, puts };
  }
}
