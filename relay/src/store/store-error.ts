import { type CloisterError, isCloisterError } from "@cloister/base";
import { relayErrors } from "../errors.ts";

/** What the relay tells apart of JetStream's refusals. */
export type StoreProblem = "sequence" | "full" | "stream-exists" | "missing" | "other";

/** `err_code` of nats-server 2.15, server/errors.json. */
const problems: ReadonlyMap<number, StoreProblem> = new Map([
  [10071, "sequence"],
  [10164, "sequence"],
  [10023, "full"],
  [10047, "full"],
  [10077, "full"],
  [10058, "stream-exists"],
  [10014, "missing"],
  [10037, "missing"],
  [10059, "missing"],
]);

export interface StoreRefusal {
  readonly err_code: number;
  readonly description: string;
}

/** The error of ours for a refusal of the store; its text is the server's and holds no payload. */
export function storeError(refusal: StoreRefusal): CloisterError {
  const problem = problems.get(refusal.err_code) ?? "other";
  const details = { problem, natsCode: refusal.err_code };
  switch (problem) {
    case "sequence":
      return relayErrors.ERR_RELAY_STORE_SEQUENCE("another record came first", { details });
    case "full":
      return relayErrors.ERR_RELAY_STREAM_FULL("the store has no room left", { details });
    case "stream-exists":
    case "missing":
    case "other":
      return relayErrors.ERR_RELAY_STORE(refusal.description, { details });
    default:
      throw problem satisfies never;
  }
}

export function isStoreProblem(error: unknown, problem: StoreProblem): boolean {
  return isCloisterError(error) && error.details?.["problem"] === problem;
}
