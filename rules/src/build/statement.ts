import {
  type DeviceId,
  idBytes,
  type KeyRole,
  type OrgId,
  type PublicKey,
  type Signer,
  type StatementId,
  signingInput,
} from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { KNOWN_CRITICAL_VERSION } from "../limits.ts";
import { logRootAt, logSize, logTimeAt, type OrgState, orgOf } from "../state/org-state.ts";
import { judge } from "../statements/judge.ts";
import { type Body, checkVersion } from "../statements/judgement.ts";

/** A statement or genesis to be signed. */
export interface UnsignedStatement {
  readonly type: "statement" | "genesis";
  /** The org id that the signatures cover. */
  readonly org: OrgId;
  readonly payload: Uint8Array;
  /** One group a signature, in order: any key of the group signs. */
  readonly signers: readonly (readonly PublicKey[])[];
}

export interface StatementDraft {
  readonly id: StatementId;
  /** The signing device; none for InviteAccepted and OwnersReplaced. */
  readonly device?: DeviceId | undefined;
  readonly body: Body;
}

/**
 * Makes the statement that the log would take next: newest checkpoint, current version of what it
 * changes. Throws now what the log would refuse later.
 */
export function buildStatement(state: OrgState, draft: StatementDraft): UnsignedStatement {
  const size = logSize(state);
  const judgement = judge(
    {
      state,
      position: size,
      timeMs: logTimeAt(state, size),
      statement: draft.id,
      device: draft.device,
    },
    draft.body,
  );
  judgement.check();
  checkVersion(judgement, judgement.version);
  const payload = statementsV1.Statement.encode({
    statementId: idBytes(draft.id),
    checkpointSize: BigInt(size),
    checkpointRoot: logRootAt(state, size),
    changesVersion: BigInt(judgement.version),
    criticalVersion: KNOWN_CRITICAL_VERSION,
    deviceId: draft.device === undefined ? new Uint8Array(0) : idBytes(draft.device),
    body: draft.body,
  }).finish();
  return { type: "statement", org: orgOf(state), payload, signers: judgement.signers };
}

/** Signs in the order demanded; gives the encoded SignedStatement. Every key needed has to be among `signers`. */
export async function signStatement(
  unsigned: UnsignedStatement,
  signers: readonly Signer<KeyRole>[],
): Promise<Uint8Array> {
  const { type, org, payload } = unsigned;
  const input = signingInput(type, org, payload);
  const signatures = await Promise.all(
    unsigned.signers.map((keys) => {
      const signer = signers.find(({ publicKey }) => keys.includes(publicKey));
      if (signer === undefined) {
        throw rulesErrors.ERR_RULES_SIGNER_MISSING("a key that has to sign this is not at hand");
      }
      return signer.sign(input);
    }),
  );
  return statementsV1.SignedStatement.encode({
    content: { $case: type, value: payload },
    signatures,
  }).finish();
}
