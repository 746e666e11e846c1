import type { OrgId } from "@cloister/base";
import { logSubject, parseMessage, streamNames } from "@cloister/proto";
import type { LogReplica } from "@cloister/rules";
import { LogFollower, type LogTrouble, logErrors, memberRules } from "@cloister/server-kit";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { gatewayErrors } from "./errors.ts";
import type { OrgLogs } from "./gateway-parts.ts";
import { LOG_WAIT_MS } from "./limits.ts";

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
  const manager = jetstreamManager(connection, { checkAPI: false });
  let isReady = false;
  const ready = follower.ready.then(() => {
    isReady = true;
  });
  const logs: OrgLogs = {
    replica: (org) => follower.replica(org) ?? unknownOrg(org, isReady),
    records: (org, range) => follower.records(org, range),
    waitForSize: (org, size, options) => follower.waitForSize(org, size, options),
    newest: async (org) => {
      const size = await storedSize(manager, org);
      return follower.waitForSize(org, size, { timeoutMs: LOG_WAIT_MS });
    },
  };
  return { logs, ready, [Symbol.asyncDispose]: () => follower[Symbol.asyncDispose]() };
}

/**
 * How long the org's log is in the stream itself. A follower whose connection hangs would not know
 * that it is behind; whoever signs rights away for an hour asks. The size is not verified: a wrong
 * one can only make the caller wait.
 */
async function storedSize(manager: Promise<JetStreamManager>, org: OrgId): Promise<number> {
  try {
    const query = { last_by_subj: logSubject(org) };
    const stored = await (await manager).direct.getMessage(streamNames.log, query);
    if (stored === null) return 0;
    const { checkpoint } = parseMessage("cloister.statements.v1.LogRecord", stored.data);
    const { payload } = parseMessage("cloister.common.v1.Signed", checkpoint);
    return Number(parseMessage("cloister.common.v1.Checkpoint", payload).size);
  } catch (cause) {
    throw gatewayErrors.ERR_STATE_UNAVAILABLE("the statements log cannot be read now", { cause });
  }
}

/** While the log is still being read, nobody can say that an org is unknown. */
function unknownOrg(org: OrgId, isReady: boolean): undefined {
  if (isReady) return undefined;
  throw logErrors.ERR_LOG_BEHIND("this gateway still reads the log", {
    details: { org },
    hint: "try again in a moment",
  });
}
