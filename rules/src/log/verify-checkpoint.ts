import {
  type Ed25519Verify,
  type EpochMs,
  equalBytes,
  type LogKey,
  markVerified,
  type OrgId,
  orgIdFromBytes,
  parseEpochMs,
  type Verified,
  verifySignature,
} from "@cloister/base";
import { parseMessage } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { logKeyOf, type OrgState, orgOf } from "../state/org-state.ts";
import { parseSigned } from "../tokens/signed.ts";
import { parseCount } from "./count.ts";

/** A head of the log. `signed` are the bytes to keep and to show. */
export interface CheckpointView {
  readonly org: OrgId;
  readonly size: number;
  readonly root: Uint8Array;
  readonly timeMs: EpochMs;
  readonly signed: Uint8Array;
}

export interface LogIdentity {
  readonly org: OrgId;
  readonly logKey: LogKey;
  readonly verify: Ed25519Verify;
}

/** Throws unless the org's log signed this checkpoint. */
export function verifyCheckpoint(state: OrgState, signed: Uint8Array): Verified<CheckpointView> {
  const identity = { org: orgOf(state), logKey: logKeyOf(state), verify: state.crypto.verify };
  return verifyCheckpointOf(identity, signed);
}

/** For who knows an org and its log's key before its log: an invitation's bearer after the genesis. */
export function verifyCheckpointOf(log: LogIdentity, signed: Uint8Array): Verified<CheckpointView> {
  const { payload, signature } = parseSigned("checkpoint", signed);
  const checkpoint = parseMessage("cloister.common.v1.Checkpoint", payload);
  const org = orgIdFromBytes(checkpoint.orgId);
  if (org !== log.org) throw rulesErrors.ERR_VERIFICATION_ORG("a checkpoint of another org");
  try {
    verifySignature(
      { type: "checkpoint", org, payload, signature, publicKey: log.logKey },
      log.verify,
    );
  } catch (cause) {
    throw rulesErrors.ERR_VERIFICATION_CHECKPOINT("not signed by the org's log", { cause });
  }
  return markVerified({
    org,
    size: parseCount(checkpoint.size),
    root: checkpoint.root,
    timeMs: parseEpochMs(checkpoint.timeMs),
    signed,
  });
}

/**
 * Takes the newer of two heads: never a smaller one, and never another root for one size. Whether
 * the newer continues the older shows when the log between is replayed.
 */
export function advanceCheckpoint(
  known: Verified<CheckpointView>,
  next: Verified<CheckpointView>,
): Verified<CheckpointView> {
  if (next.org !== known.org) throw rulesErrors.ERR_VERIFICATION_ORG("a checkpoint of another org");
  const details = { known: known.size, shown: next.size };
  if (next.size < known.size) {
    throw rulesErrors.ERR_VERIFICATION_LOG_ROLLBACK("the log went back", { details });
  }
  if (next.size === known.size && !equalBytes(next.root, known.root)) {
    throw rulesErrors.ERR_VERIFICATION_LOG_FORK("two roots for one size of the log", { details });
  }
  return next.size > known.size || next.timeMs > known.timeMs ? next : known;
}
