import { isCloisterError, type OrgId, type Verified } from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import {
  advanceCheckpoint,
  appendRecord,
  type CheckpointView,
  compareCheckpoint,
  type EntryView,
  type LogReplica,
  openReplica,
  pinCheckpoint,
  type RulesCrypto,
  verifyCheckpoint,
} from "@cloister/rules";
import { clientErrors } from "../errors.ts";
import { encodeStored, parseStored } from "../store/frame.ts";
import { storeKeys } from "../store/keys.ts";
import type { PlainRow, SealedStore } from "../store/seal-store.ts";

/** The log as this device has verified it: it never goes back (rule 4). */
export interface LogState {
  readonly replica: LogReplica;
  /** The newest head that was shown, at least of the replica's size. */
  readonly newest: Verified<CheckpointView>;
  /** What each entry after the genesis states, for who reads the log. */
  readonly views: readonly EntryView[];
}

/** What a server answered to GetLog. */
export interface LogPage {
  readonly records: readonly Uint8Array[];
  /** Encoded Signed "checkpoint": the newest that the server has. */
  readonly checkpoint: Uint8Array;
  /**
   * The head that the question named, where answers of several servers may cross: an answer must not
   * be behind this one, but may be behind what came meanwhile. Unsaid: the newest head.
   */
  readonly asked?: Verified<CheckpointView>;
}

export type LogStep =
  | { readonly kind: "grown"; readonly state: LogState; readonly puts: readonly PlainRow[] }
  /** The server contradicts what it showed before, or its log breaks the rules: kept as evidence. */
  | { readonly kind: "conflict"; readonly error: Error; readonly puts: readonly PlainRow[] };

/** Verifies an answer wholly before any of it is believed. Pure. */
export function reduceLog(state: LogState, page: LogPage): LogStep {
  let { replica } = state;
  const puts: PlainRow[] = [];
  const views: EntryView[] = [];
  try {
    const shown = verifyCheckpoint(replica.state, page.checkpoint);
    advanceCheckpoint(page.asked ?? state.newest, shown);
    const isLate = page.asked !== undefined && shown.size < state.newest.size;
    const newest = isLate ? state.newest : advanceCheckpoint(state.newest, shown);
    for (const record of page.records) {
      if (page.asked !== undefined && isTaken(replica, record)) continue;
      puts.push({ key: storeKeys.logEntry(replica.size), value: encodeStored({}, record) });
      replica = appendRecord(replica, record);
      views.push(replica.entry);
    }
    replica = pinCheckpoint(pinCheckpoint(replica, newest), shown);
    if (newest !== state.newest) {
      puts.push({ key: storeKeys.logHead, value: encodeStored({}, newest.signed) });
    }
    const next = { replica, newest, views: [...state.views, ...views] };
    return { kind: "grown", state: next, puts };
  } catch (error) {
    return conflict(state, page, error);
  }
}

/** Another answer has brought this position. Throws if it brought something else. */
function isTaken(replica: LogReplica, record: Uint8Array): boolean {
  const { checkpoint } = statementsV1.LogRecord.decode(record);
  return compareCheckpoint(replica, verifyCheckpoint(replica.state, checkpoint)) === "known";
}

/** A head that somebody else showed: the log has to reach it, or is forked. Pure. */
export function meetCheckpoint(
  state: LogState,
  checkpoint: Verified<CheckpointView>,
): { readonly step: LogStep; readonly isAhead: boolean } {
  try {
    const isAhead = compareCheckpoint(state.replica, checkpoint) === "ahead";
    if (!isAhead) return { step: { kind: "grown", state, puts: [] }, isAhead };
    const replica = pinCheckpoint(state.replica, checkpoint);
    return { step: { kind: "grown", state: { ...state, replica }, puts: [] }, isAhead };
  } catch (error) {
    const page = { records: [], checkpoint: checkpoint.signed };
    return { step: conflict(state, page, error), isAhead: false };
  }
}

function conflict(state: LogState, page: LogPage, error: unknown): LogStep {
  const known = isCloisterError(error)
    ? error
    : clientErrors.ERR_LOG_INVALID("the server's log cannot be read", { cause: error });
  const evidence = encodeStored(
    { code: known.code, size: state.replica.size, ownBytes: state.newest.signed.length },
    concatAll([state.newest.signed, page.checkpoint, ...page.records]),
  );
  return {
    kind: "conflict",
    error: known,
    puts: [{ key: storeKeys.logConflict, value: evidence }],
  };
}

function concatAll(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** The first page of a log that is not known here yet. */
export function openLog(
  page: LogPage,
  options: RulesCrypto & { readonly org: OrgId },
): { readonly state: LogState; readonly puts: readonly PlainRow[] } {
  const [genesis, ...records] = page.records;
  if (genesis === undefined) throw clientErrors.ERR_LOG_INVALID("the log is empty");
  const replica = openReplica({ record: genesis, ...options });
  const step = reduceLog({ replica, newest: replica.checkpoint, views: [] }, { ...page, records });
  if (step.kind === "conflict") throw step.error;
  const first = { key: storeKeys.logEntry(0), value: encodeStored({}, genesis) };
  const head = { key: storeKeys.logHead, value: encodeStored({}, step.state.newest.signed) };
  return { state: step.state, puts: [first, ...step.puts, head] };
}

/** Replays what was stored; undefined if nothing was. Every signature is checked anew. */
export async function loadLog(
  store: SealedStore,
  options: RulesCrypto & { readonly org: OrgId },
): Promise<LogState | undefined> {
  const rows = await store.listAll(storeKeys.logEntries);
  const records = rows.map(({ value }) => parseStored(value).body);
  const head = await store.get(storeKeys.logHead);
  if (records.length === 0 || head === undefined) return undefined;
  const page = { records, checkpoint: parseStored(head).body };
  return openLog(page, options).state;
}
