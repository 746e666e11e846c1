import type { AccountId } from "@cloister/base";
import type { statementsV1 } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import { registerOwner, removeFromOrg } from "../state/effects.ts";
import type { OrgFacts, OwnerFact } from "../state/facts.ts";
import { versionAt } from "../state/history.ts";
import { certificateKeys, checkFreshKeys, checkNotExpired, parseOwner } from "./certificate.ts";
import {
  type BodyOf,
  type Judgement,
  requireNoDevice,
  type StatementContext,
} from "./judgement.ts";

/**
 * The one thing that a recovery key can do. Its version counts replacements alone: whoever holds a
 * stolen owner's device could otherwise outrun it for ever by changing owners.
 */
export function judgeOwnersReplaced(
  context: StatementContext,
  body: BodyOf<"ownersReplaced">,
): Judgement {
  requireNoDevice(context);
  const { state, position, timeMs } = context;
  const owners = body.owners.map(parseOwner);
  return {
    signers: [state.genesis.recoveryKeys],
    version: versionAt(state.ownerSets, position),
    check: () => {
      checkOwners(context, owners);
      checkFreshKeys(state, body.owners.flatMap(ownerKeys));
      return (facts) => {
        endFormerOwners(facts, new Set(owners.map(({ account }) => account)), position);
        for (const owner of owners) registerOwner(facts, owner, { position, timeMs });
        facts.ownerSets.push({ position, value: owners.map(({ account }) => account) });
      };
    },
  };
}

export function ownerKeys(owner: statementsV1.Owner): Uint8Array[] {
  return [owner.accountKey, ...certificateKeys(owner.device)];
}

export function checkDistinctOwners(owners: readonly OwnerFact[]): void {
  const accounts = new Set(owners.map(({ account }) => account));
  const devices = new Set(owners.map(({ device }) => device.device));
  if (accounts.size !== owners.length || devices.size !== owners.length) {
    throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT(
      "each owner is an account and device of its own",
    );
  }
}

function checkOwners({ state, timeMs }: StatementContext, owners: readonly OwnerFact[]): void {
  checkDistinctOwners(owners);
  for (const { device } of owners) {
    checkNotExpired(device, timeMs);
    if (state.devices.has(device.device)) {
      throw rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT(
        "an owner is restored with a new device",
      );
    }
  }
}

/**
 * Every other owner of the org loses all roles. An account that stays, or becomes an owner, gets its
 * new key and device and loses those it had: they are what recovery is there to outlive.
 */
function endFormerOwners(facts: OrgFacts, staying: ReadonlySet<AccountId>, position: number): void {
  for (const [account, history] of facts.roles.get("org") ?? []) {
    const isOwner = history.at(-1)?.value === "owner";
    if (isOwner && !staying.has(account)) removeFromOrg(facts, account, position);
  }
  for (const account of staying) {
    for (const id of facts.devicesByAccount.get(account) ?? []) {
      const device = facts.devices.get(id);
      if (device !== undefined) device.revokedAt ??= position;
    }
  }
}
