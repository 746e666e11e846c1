import { rulesErrors } from "../errors.ts";
import type { OrgState } from "../state/org-state.ts";
import type { LeafFacts } from "./commit-facts.ts";
import type { HandshakeQuery } from "./handshake-query.ts";
import { type Entitlement, entitlement, leafIdentity } from "./leaf.ts";
import type { HandshakeFrame } from "./verify-frame.ts";

/** A commit on its way through the rules; its record and place are verified. */
export interface CommitContext extends HandshakeQuery {
  readonly state: OrgState;
  readonly frame: HandshakeFrame;
}

/** By the log that the commit names, and by that log's time. */
export function entitlementAtCommit(context: CommitContext, leaf: LeafFacts): Entitlement {
  const { state, room } = context;
  const { size: at, timeMs } = context.frame.checkpoint;
  return entitlement(state, { room, leaf, at, timeMs });
}

/** The committer's leaf is the signing device's own and entitled: so it has the key that is certified for it. */
export function checkSender(context: CommitContext, leaf: LeafFacts): void {
  const verdict = entitlementAtCommit(context, leaf);
  if (verdict.identity?.device !== context.frame.signer.certificate.device) {
    throw rulesErrors.ERR_HANDSHAKE_SENDER("the committer's leaf is not the signing device's");
  }
  if (!verdict.entitled) {
    throw rulesErrors.ERR_HANDSHAKE_SENDER("the committer is not entitled to the room", {
      details: { reason: verdict.reason },
    });
  }
}

/** Standalone proposals do not exist here, so there is nothing that a commit could refer to. */
export function checkProposals(context: CommitContext, allowed: readonly string[]): void {
  for (const { kind, byReference } of context.commit.proposals) {
    if (byReference) {
      throw rulesErrors.ERR_HANDSHAKE_BY_REFERENCE("a proposal by reference");
    }
    if (!allowed.includes(kind)) {
      throw rulesErrors.ERR_HANDSHAKE_PROPOSAL(`no commit of this sender has a ${kind} proposal`, {
        details: { proposal: kind },
      });
    }
  }
}

/** One leaf a device: the commit leaves no two of the same. */
export function checkDistinctDevices(leaves: readonly LeafFacts[]): void {
  const devices = leaves.flatMap((leaf) => leafIdentity(leaf)?.device ?? []);
  if (new Set(devices).size !== devices.length) {
    throw rulesErrors.ERR_HANDSHAKE_DUPLICATE_LEAF("a device would have two leaves");
  }
}
