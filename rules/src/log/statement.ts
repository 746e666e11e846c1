import {
  type DeviceId,
  deviceIdFromBytes,
  type EpochMs,
  equalBytes,
  MAX_STATEMENT_BYTES,
  type PublicKey,
  type StatementId,
  statementIdFromBytes,
  verifySignature,
} from "@cloister/base";
import { parseMessage, type statementsV1 } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { KNOWN_CRITICAL_VERSION, MAX_SIGNED_STATEMENT_BYTES } from "../limits.ts";
import { logRootAt, type OrgState, orgOf } from "../state/org-state.ts";
import { judge } from "../statements/judge.ts";
import { type Body, checkVersion, type Effect, type Judgement } from "../statements/judgement.ts";
import { parseCount } from "./count.ts";

export interface StatementView {
  readonly id: StatementId;
  readonly device: DeviceId | undefined;
  readonly body: Body;
}

export interface JudgedStatement {
  readonly view: StatementView;
  readonly effect: Effect;
}

/** The part of an entry that is signed, with the signatures over it. */
export function parseSignedStatement(bytes: Uint8Array): statementsV1.SignedStatement {
  return parseMessage("cloister.statements.v1.SignedStatement", bytes, MAX_SIGNED_STATEMENT_BYTES);
}

/**
 * May this statement stand next in the log? Throws the reason if not. It reads the state and changes
 * nothing: the effect does, later, and cannot fail.
 */
export function judgeStatement(
  state: OrgState,
  { signed, timeMs }: { readonly signed: Uint8Array; readonly timeMs: EpochMs },
): JudgedStatement {
  const { content, signatures } = parseSignedStatement(signed);
  if (content?.$case !== "statement") {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_UNKNOWN("only the first entry is a genesis");
  }
  const payload = content.value;
  const statement = parseMessage("cloister.statements.v1.Statement", payload, MAX_STATEMENT_BYTES);
  const view = viewOf(statement);
  checkUnseen(state, view.id);
  checkCheckpoint(state, statement);
  const context = {
    state,
    position: state.entries.length,
    timeMs,
    statement: view.id,
    device: view.device,
  };
  const judgement = judge(context, view.body);
  verifySignatures(state, { payload, signatures, signers: judgement.signers });
  const effect = judgement.check();
  checkVersion(judgement, parseCount(statement.changesVersion));
  return { view, effect };
}

function viewOf(statement: statementsV1.Statement): StatementView {
  const { body, criticalVersion, deviceId } = statement;
  if (criticalVersion > KNOWN_CRITICAL_VERSION || body === undefined) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_UNKNOWN(
      "a statement of a type or critical version that this version does not know",
      { details: { criticalVersion } },
    );
  }
  return {
    id: statementIdFromBytes(statement.statementId),
    device: deviceId.length === 0 ? undefined : deviceIdFromBytes(deviceId),
    body,
  };
}

function checkUnseen(state: OrgState, id: StatementId): void {
  if (state.statements.has(id)) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_REPLAYED("the log holds a statement of this id");
  }
}

/** The signer saw a head that this log had: a statement made for a fork of it is none for this one. */
function checkCheckpoint(state: OrgState, statement: statementsV1.Statement): void {
  const size = parseCount(statement.checkpointSize);
  const isKnown = size >= 1 && size <= state.entries.length;
  if (!isKnown || !equalBytes(logRootAt(state, size), statement.checkpointRoot)) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_CHECKPOINT(
      "the statement's checkpoint is none of this log",
      { details: { size, known: state.entries.length } },
    );
  }
}

function verifySignatures(
  state: OrgState,
  statement: {
    readonly payload: Uint8Array;
    readonly signatures: readonly Uint8Array[];
    readonly signers: Judgement["signers"];
  },
): void {
  const { payload, signatures, signers } = statement;
  const isSigned = (keys: readonly PublicKey[], signature: Uint8Array | undefined): boolean =>
    signature !== undefined &&
    keys.some((publicKey) => hasSigned(state, { payload, signature, publicKey }));
  if (
    signatures.length !== signers.length ||
    !signers.every((keys, index) => isSigned(keys, signatures[index]))
  ) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_SIGNATURE(
      "the statement lacks a signature that its kind demands",
      { details: { wanted: signers.length, given: signatures.length } },
    );
  }
}

function hasSigned(
  state: OrgState,
  signed: {
    readonly payload: Uint8Array;
    readonly signature: Uint8Array;
    readonly publicKey: PublicKey;
  },
): boolean {
  try {
    verifySignature({ type: "statement", org: orgOf(state), ...signed }, state.crypto.verify);
    return true;
  } catch {
    return false;
  }
}
