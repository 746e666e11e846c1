import { equalBytes, publicKeyBytes } from "@cloister/base";
import { rulesErrors } from "../errors.ts";
import { policyHash } from "../policy/hash.ts";
import { verifyGrant } from "../tokens/verify-grant.ts";
import {
  type CommitContext,
  checkDistinctDevices,
  checkProposals,
  checkSender,
} from "./commit-context.ts";
import { leafIdentity } from "./leaf.ts";

/** A device joins by itself, or anew in place of its own leaf, with a grant for exactly this. */
export function checkExternalCommit(context: CommitContext): void {
  const { commit, roster } = context;
  checkProposals(context, ["external-init", "remove"]);
  const initCount = commit.proposals.filter(({ kind }) => kind === "external-init").length;
  if (initCount !== 1 || commit.adds.length > 0) {
    throw rulesErrors.ERR_HANDSHAKE_PROPOSAL(
      "an external join has one external init and adds nobody",
    );
  }
  checkSender(context, commit.sender);
  checkResync(context);
  const removed = new Set(commit.removes.map(({ leafIndex }) => leafIndex));
  checkDistinctDevices([
    ...roster.filter(({ leafIndex }) => !removed.has(leafIndex)),
    commit.sender,
  ]);
  checkGrant(context);
}

function checkResync({ commit, frame }: CommitContext): void {
  const { device } = frame.signer.certificate;
  const isOwn = commit.removes.every((leaf) => leafIdentity(leaf)?.device === device);
  if (commit.removes.length > 1 || !isOwn) {
    throw rulesErrors.ERR_HANDSHAKE_REMOVE("an external join removes another leaf than its own");
  }
}

function checkGrant({ state, frame, room, commit, relayNowMs }: CommitContext): void {
  const { size: at } = frame.checkpoint;
  const { certificate } = frame.signer;
  const token = frame.envelope.message.grant;
  const grant = verifyGrant(state, { token, at, nowMs: relayNowMs });
  const isForThis =
    grant.room === room &&
    grant.account === certificate.account &&
    grant.device === certificate.device &&
    equalBytes(publicKeyBytes(grant.leafKey), commit.sender.signatureKey) &&
    grant.epoch === commit.epoch;
  if (!isForThis) {
    throw rulesErrors.ERR_HANDSHAKE_GRANT("the grant is for another room, device, key or epoch");
  }
  if (!equalBytes(grant.policyHash, policyHash(state, { room, at }))) {
    throw rulesErrors.ERR_HANDSHAKE_GRANT_POLICY(
      "the grant was given under another policy than the one in force at the commit's log size",
    );
  }
}
