import {
  type EpochMs,
  type LogKey,
  type OrgId,
  publicKeyBytes,
  type RecoveryKey,
} from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import { genesisOrg, orgIdOf } from "../log/genesis.ts";
import type { OwnerFact } from "../state/facts.ts";
import { ownerMessage } from "./bodies.ts";
import type { UnsignedStatement } from "./statement.ts";

export interface GenesisDraft {
  readonly orgName: string;
  readonly logKey: LogKey;
  readonly owners: readonly OwnerFact[];
  readonly recoveryKeys: readonly RecoveryKey[];
  /** 32 random bytes. */
  readonly nonce: Uint8Array;
  readonly createdMs: EpochMs;
}

/** The founding statement; `orgId` is the org that it makes. Signed by signStatement with the owners' account keys. */
export function buildGenesis(draft: GenesisDraft): UnsignedStatement & { readonly orgId: OrgId } {
  const payload = statementsV1.Genesis.encode({
    orgName: draft.orgName,
    logKey: publicKeyBytes(draft.logKey),
    owners: draft.owners.map(ownerMessage),
    recoveryKeys: draft.recoveryKeys.map((key) => publicKeyBytes(key)),
    nonce: draft.nonce,
    createdMs: BigInt(draft.createdMs),
  }).finish();
  const signers = draft.owners.map(({ accountKey }) => [accountKey]);
  return { type: "genesis", org: genesisOrg, orgId: orgIdOf(payload), payload, signers };
}
