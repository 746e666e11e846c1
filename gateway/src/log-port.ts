import type { OrgId } from "@cloister/base";
import type { LogReplica } from "@cloister/rules";
import { LogFollower, type LogTrouble, logErrors, memberRules } from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";
import type { OrgLogs } from "./gateway-parts.ts";

export interface FollowedLogs extends AsyncDisposable {
  readonly logs: OrgLogs;
  /** Resolves once everything that stood in the log at the start is replayed. */
  readonly ready: Promise<void>;
}

/** Follows every org's log by the rules that members replay it by. */
export function followLogs(
  connection: NatsConnection,
  onTrouble: (trouble: LogTrouble) => void,
): FollowedLogs {
  const follower = new LogFollower<LogReplica>({
    connection,
    rules: memberRules(),
    onTrouble,
  });
  let isReady = false;
  const ready = follower.ready.then(() => {
    isReady = true;
  });
  const logs: OrgLogs = {
    replica: (org) => follower.replica(org) ?? unknownOrg(org, isReady),
    records: (org, range) => follower.records(org, range),
    waitForSize: (org, size, options) => follower.waitForSize(org, size, options),
  };
  return { logs, ready, [Symbol.asyncDispose]: () => follower[Symbol.asyncDispose]() };
}

/** While the log is still being read, nobody can say that an org is unknown. */
function unknownOrg(org: OrgId, isReady: boolean): undefined {
  if (isReady) return undefined;
  throw logErrors.ERR_LOG_BEHIND("this gateway still reads the log", {
    details: { org },
    hint: "try again in a moment",
  });
}
