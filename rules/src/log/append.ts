import {
  appendMerkleLeaf,
  type EpochMs,
  emptyMerkleFrontier,
  idBytes,
  type LogKey,
  merkleLeafHash,
  merkleRoot,
  type OrgId,
  type Signer,
  sha256,
  verifyWithNoble,
} from "@cloister/base";
import { commonV1, statementsV1 } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import type { GenesisFacts } from "../state/facts.ts";
import { logKeyOf, orgOf } from "../state/org-state.ts";
import { signEnvelope } from "../tokens/signed.ts";
import { openGenesis } from "./genesis.ts";
import { checkStatement, type LogReplica } from "./replica.ts";
import { parseSignedStatement, type StatementView } from "./statement.ts";

/** What accounts is about to append: the leaf, and the head that it makes, to be signed. */
export interface PreparedEntry {
  readonly org: OrgId;
  readonly logKey: LogKey;
  readonly position: number;
  /** Encoded LogEntry. */
  readonly entry: Uint8Array;
  /** Encoded Checkpoint: the payload that the log signs. */
  readonly checkpoint: Uint8Array;
  /** Undefined for the genesis. */
  readonly statement: StatementView | undefined;
}

/** Throws unless the statement may stand next. Log time is `nowMs`, or that of the last head if it is later. */
export function prepareEntry(
  replica: LogReplica,
  { statement, nowMs }: { readonly statement: Uint8Array; readonly nowMs: EpochMs },
): PreparedEntry {
  const { state, checkpoint: head } = replica;
  const timeMs = head.timeMs > nowMs ? head.timeMs : nowMs;
  const view = checkStatement(replica, { statement, timeMs });
  const entry = encodeEntry(statement, timeMs);
  const frontier = appendMerkleLeaf(
    replica.frontier,
    merkleLeafHash(entry, state.crypto.sha256),
    state.crypto.sha256,
  );
  const root = merkleRoot(frontier, state.crypto.sha256);
  const checkpoint = encodeCheckpoint({ org: orgOf(state), size: frontier.size, root, timeMs });
  const logKey = logKeyOf(state);
  return { org: orgOf(state), logKey, position: replica.size, entry, checkpoint, statement: view };
}

/** The first entry of a new log. Throws unless the genesis is whole, signed by its owners, and names this log's key. */
export function prepareGenesis({
  statement,
  nowMs,
  logKey,
}: {
  readonly statement: Uint8Array;
  readonly nowMs: EpochMs;
  readonly logKey: LogKey;
}): PreparedEntry & { readonly genesis: GenesisFacts } {
  const { content, signatures } = parseSignedStatement(statement);
  if (content?.$case !== "genesis") {
    throw rulesErrors.ERR_VERIFICATION_GENESIS("a log begins with its genesis");
  }
  const crypto = { sha256, verify: verifyWithNoble };
  const genesis = openGenesis({ genesis: content.value, signatures }, crypto);
  if (genesis.logKey !== logKey) {
    throw rulesErrors.ERR_VERIFICATION_GENESIS("the genesis names another log's key");
  }
  const { org } = genesis;
  const entry = encodeEntry(statement, nowMs);
  const root = merkleRoot(appendMerkleLeaf(emptyMerkleFrontier, merkleLeafHash(entry)));
  const checkpoint = encodeCheckpoint({ org, size: 1, root, timeMs: nowMs });
  return { org, logKey, position: 0, entry, checkpoint, statement: undefined, genesis };
}

/** Signs the head and gives the encoded LogRecord: what the stream stores and every reader replays. */
export async function signEntry(
  prepared: PreparedEntry,
  signer: Signer<"log">,
): Promise<Uint8Array> {
  if (signer.publicKey !== prepared.logKey) {
    throw rulesErrors.ERR_VERIFICATION_CHECKPOINT("this key is not the log's");
  }
  const { org, entry } = prepared;
  const checkpoint = await signEnvelope(
    "checkpoint",
    { org, payload: prepared.checkpoint },
    signer,
  );
  return statementsV1.LogRecord.encode({ entry, checkpoint }).finish();
}

function encodeEntry(statement: Uint8Array, timeMs: EpochMs): Uint8Array {
  return statementsV1.LogEntry.encode({ timeMs: BigInt(timeMs), statement }).finish();
}

function encodeCheckpoint(head: {
  readonly org: OrgId;
  readonly size: number;
  readonly root: Uint8Array;
  readonly timeMs: EpochMs;
}): Uint8Array {
  return commonV1.Checkpoint.encode({
    orgId: idBytes(head.org),
    size: BigInt(head.size),
    root: head.root,
    stateRoot: new Uint8Array(0),
    timeMs: BigInt(head.timeMs),
  }).finish();
}
