import {
  appendMerkleLeaf,
  type Ed25519Verify,
  type EpochMs,
  emptyMerkleFrontier,
  equalBytes,
  type MerkleFrontier,
  merkleLeafHash,
  merkleRoot,
  type OrgId,
  parseEpochMs,
  type Sha256,
  sha256,
  type Verified,
  verifyWithNoble,
} from "@cloister/base";
import { parseMessage } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { MAX_LOG_RECORD_BYTES } from "../limits.ts";
import type { OrgFacts, RulesCrypto } from "../state/facts.ts";
import type { OrgState } from "../state/org-state.ts";
import { genesisFacts, openGenesis } from "./genesis.ts";
import { judgeStatement, parseSignedStatement, type StatementView } from "./statement.ts";
import { type CheckpointView, verifyCheckpoint, verifyCheckpointOf } from "./verify-checkpoint.ts";

/** What an entry states; undefined for the genesis. */
export interface EntryView {
  readonly position: number;
  readonly timeMs: EpochMs;
  readonly statement: StatementView | undefined;
}

// The state's mutable side: nothing outside this module can name it.
const mutable: unique symbol = Symbol("facts");

/**
 * A verified prefix of an org's log. A value: appending makes another one. All replicas of a log
 * share one state that only grows, so only the newest of them can be appended to.
 */
export interface LogReplica {
  readonly state: OrgState;
  readonly size: number;
  readonly frontier: MerkleFrontier;
  /** The newest head that was verified for exactly this size. */
  readonly checkpoint: Verified<CheckpointView>;
  /** The last entry. */
  readonly entry: EntryView;
  /** Heads seen before their entries: the log has to reach each of them. */
  readonly pins: readonly Verified<CheckpointView>[];
  readonly [mutable]: OrgFacts;
}

export interface OpenReplicaOptions {
  /** Encoded LogRecord of the genesis. */
  readonly record: Uint8Array;
  /** The org that the log has to be of; without one, whatever the genesis makes. */
  readonly org?: OrgId | undefined;
  readonly verify?: Ed25519Verify | undefined;
  readonly sha256?: Sha256 | undefined;
}

/** Starts a replica from the first record. Throws unless it founds the org expected and its log signed it. */
export function openReplica(options: OpenReplicaOptions): LogReplica {
  const crypto: RulesCrypto = {
    verify: options.verify ?? verifyWithNoble,
    sha256: options.sha256 ?? sha256,
  };
  const record = parseRecord(options.record);
  const { content, signatures } = parseSignedStatement(record.statement);
  if (content?.$case !== "genesis") {
    throw rulesErrors.ERR_VERIFICATION_GENESIS("a log begins with its genesis");
  }
  const genesis = openGenesis({ genesis: content.value, signatures }, crypto);
  if (options.org !== undefined && genesis.org !== options.org) {
    throw rulesErrors.ERR_VERIFICATION_ORG("the genesis founds another org");
  }
  const checkpoint = verifyCheckpointOf(
    { org: genesis.org, logKey: genesis.logKey, verify: crypto.verify },
    record.checkpoint,
  );
  const frontier = checkHead({ frontier: emptyMerkleFrontier, crypto, record, checkpoint });
  const facts = genesisFacts(genesis, crypto, record.timeMs);
  facts.entries.push({ statement: undefined, timeMs: checkpoint.timeMs, root: checkpoint.root });
  const entry = { position: 0, timeMs: record.timeMs, statement: undefined };
  return { state: facts, size: 1, frontier, checkpoint, entry, pins: [], [mutable]: facts };
}

/** Verifies the next record wholly, then takes it. If it throws, nothing has changed. */
export function appendRecord(replica: LogReplica, bytes: Uint8Array): LogReplica {
  const facts = newestFacts(replica);
  const { state } = replica;
  const record = parseRecord(bytes);
  const checkpoint = verifyCheckpoint(state, record.checkpoint);
  checkPosition(replica, checkpoint);
  if (record.timeMs < replica.checkpoint.timeMs) {
    throw rulesErrors.ERR_VERIFICATION_LOG_TIME("the log's time went back");
  }
  const { crypto } = state;
  const frontier = checkHead({ frontier: replica.frontier, crypto, record, checkpoint });
  const pins = passPins(replica.pins, checkpoint);
  const judged = judgeStatement(state, { signed: record.statement, timeMs: record.timeMs });
  const position = replica.size;
  judged.effect(facts);
  facts.statements.set(judged.view.id, position);
  facts.entries.push({
    statement: judged.view.id,
    timeMs: checkpoint.timeMs,
    root: checkpoint.root,
  });
  const entry = { position, timeMs: record.timeMs, statement: judged.view };
  return { ...replica, size: position + 1, frontier, checkpoint, entry, pins };
}

/** For accounts, before it appends: throws the reason why the statement may not stand next. */
export function checkStatement(
  replica: LogReplica,
  { statement, timeMs }: { readonly statement: Uint8Array; readonly timeMs: EpochMs },
): StatementView {
  newestFacts(replica);
  return judgeStatement(replica.state, { signed: statement, timeMs }).view;
}

/**
 * A head that somebody else showed: "known" if it is one that this log had, "ahead" if the log is
 * still shorter here (fetch, then compare again).
 */
export function compareCheckpoint(
  replica: LogReplica,
  checkpoint: Verified<CheckpointView>,
): "known" | "ahead" {
  if (checkpoint.size > replica.size) return "ahead";
  const own = replica.state.entries[checkpoint.size - 1]?.root;
  if (own === undefined || !equalBytes(own, checkpoint.root)) throw fork(checkpoint.size);
  return "known";
}

/** Makes a head binding: at once if the log is that long, else when it gets there. */
export function pinCheckpoint(
  replica: LogReplica,
  checkpoint: Verified<CheckpointView>,
): LogReplica {
  if (compareCheckpoint(replica, checkpoint) === "known") return replica;
  const rival = replica.pins.find(({ size }) => size === checkpoint.size);
  if (rival === undefined) return { ...replica, pins: [...replica.pins, checkpoint] };
  if (!equalBytes(rival.root, checkpoint.root)) throw fork(checkpoint.size);
  return replica;
}

interface ParsedRecord {
  readonly entry: Uint8Array;
  readonly checkpoint: Uint8Array;
  readonly timeMs: EpochMs;
  readonly statement: Uint8Array;
}

function parseRecord(bytes: Uint8Array): ParsedRecord {
  const { entry, checkpoint } = parseMessage(
    "cloister.statements.v1.LogRecord",
    bytes,
    MAX_LOG_RECORD_BYTES,
  );
  const { timeMs, statement } = parseMessage("cloister.statements.v1.LogEntry", entry);
  return { entry, checkpoint, timeMs: parseEpochMs(timeMs), statement };
}

function newestFacts(replica: LogReplica): OrgFacts {
  const facts = replica[mutable];
  if (facts.entries.length !== replica.size) {
    throw rulesErrors.ERR_RULES_REPLICA_STALE("a newer replica of this log exists: append to that");
  }
  return facts;
}

function checkPosition(replica: LogReplica, checkpoint: Verified<CheckpointView>): void {
  if (checkpoint.size === replica.size + 1) return;
  // A record for a position that is taken: another root for that size would be a second history.
  compareCheckpoint(replica, checkpoint);
  throw rulesErrors.ERR_VERIFICATION_LOG_POSITION("not the record that comes next", {
    details: { next: replica.size + 1, shown: checkpoint.size },
  });
}

/** The entries have to hash to the root that the log signed with this one. */
function checkHead(step: {
  readonly frontier: MerkleFrontier;
  readonly crypto: RulesCrypto;
  readonly record: ParsedRecord;
  readonly checkpoint: Verified<CheckpointView>;
}): MerkleFrontier {
  const { crypto, record, checkpoint } = step;
  const leaf = merkleLeafHash(record.entry, crypto.sha256);
  const frontier = appendMerkleLeaf(step.frontier, leaf, crypto.sha256);
  const isHead = checkpoint.size === frontier.size;
  if (!isHead || !equalBytes(merkleRoot(frontier, crypto.sha256), checkpoint.root)) {
    throw fork(frontier.size);
  }
  if (checkpoint.timeMs < record.timeMs) {
    throw rulesErrors.ERR_VERIFICATION_LOG_TIME("a checkpoint older than its last entry");
  }
  return frontier;
}

function passPins(
  pins: LogReplica["pins"],
  checkpoint: Verified<CheckpointView>,
): LogReplica["pins"] {
  for (const pin of pins) {
    if (pin.size === checkpoint.size && !equalBytes(pin.root, checkpoint.root))
      throw fork(pin.size);
  }
  return pins.filter(({ size }) => size > checkpoint.size);
}

function fork(size: number): Error {
  return rulesErrors.ERR_VERIFICATION_LOG_FORK("these entries are not what the log signed", {
    details: { size },
  });
}
