import { rulesErrors } from "../errors.ts";
import { effectivePolicy } from "../policy/effective.ts";
import { deviceAt } from "../state/devices.ts";
import { isOwnerOver } from "../state/roles.ts";
import { roomScope } from "../state/scope.ts";
import {
  type CommitContext,
  checkDistinctDevices,
  checkProposals,
  checkSender,
  entitlementAtCommit,
} from "./commit-context.ts";
import type { LeafFacts, RosterLeaf } from "./commit-facts.ts";
import type { LeafIdentity } from "./leaf.ts";

/** A member updates itself, removes exactly those who are no longer entitled, and as an owner may add. */
export function checkMemberCommit(context: CommitContext): LeafIdentity[] {
  const { commit } = context;
  checkProposals(context, ["add", "remove"]);
  if (commit.senderBefore === undefined) {
    throw rulesErrors.ERR_HANDSHAKE_SENDER("a member's commit comes from a leaf of the group");
  }
  checkSender(context, commit.senderBefore);
  checkSender(context, commit.sender);
  const staying = checkRemoves(context);
  const added = commit.adds.map((leaf) => checkAdd(context, leaf));
  checkDistinctDevices([...staying, ...commit.adds]);
  return added;
}

function checkRemoves(context: CommitContext): RosterLeaf[] {
  const { commit, roster } = context;
  for (const leaf of commit.removes) {
    if (entitlementAtCommit(context, leaf).entitled) {
      throw rulesErrors.ERR_HANDSHAKE_REMOVE("it removes a leaf that the log entitles");
    }
  }
  const removed = new Set(commit.removes.map(({ leafIndex }) => leafIndex));
  const staying = roster.filter(({ leafIndex }) => !removed.has(leafIndex));
  if (staying.some((leaf) => !entitlementAtCommit(context, leaf).entitled)) {
    throw rulesErrors.ERR_HANDSHAKE_LEAF_LEFT(
      "it leaves a leaf behind that the log does not entitle",
    );
  }
  return staying;
}

function checkAdd(context: CommitContext, leaf: LeafFacts): LeafIdentity {
  const { state, room, frame } = context;
  const { size: at } = frame.checkpoint;
  const { account } = frame.signer.certificate;
  if (!isOwnerOver(state, { account, scope: roomScope(room), at })) {
    throw rulesErrors.ERR_HANDSHAKE_ADD("only an owner over the room adds");
  }
  const verdict = entitlementAtCommit(context, leaf);
  if (!verdict.entitled) {
    throw rulesErrors.ERR_HANDSHAKE_ADD("it adds a leaf that the log does not entitle", {
      details: { reason: verdict.reason },
    });
  }
  checkAddPolicy(context, verdict.identity);
  return verdict.identity;
}

/**
 * An Add passes no gateway, so nobody would ask for a factor: it is allowed only where no level wants
 * one of anybody, and never against what else can be judged without a session.
 */
function checkAddPolicy({ state, room, frame }: CommitContext, added: LeafIdentity): void {
  const { size: at, timeMs } = frame.checkpoint;
  const policy = effectivePolicy(state, { room, at });
  const device = deviceAt(state, { device: added.device, at, timeMs });
  const ageMs = device === undefined ? -1 : timeMs - device.certifiedMs;
  const isAllowed =
    policy.factors.length === 0 &&
    !policy.deniedAccounts.includes(added.account) &&
    ageMs >= (policy.deviceMinAgeSeconds ?? 0) * 1000;
  if (!isAllowed) {
    throw rulesErrors.ERR_HANDSHAKE_ADD_POLICY("the room's policy lets nobody in past a gateway");
  }
}
