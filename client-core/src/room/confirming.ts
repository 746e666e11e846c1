import { type AccountId, equalBytes, idBytes, messageIdFromBytes } from "@cloister/base";
import { roomsV1 } from "@cloister/proto";
import { isOwnerOver, roomScope } from "@cloister/rules";
import { CONFIRM_RANK_DELAY_MS } from "../limits.ts";
import { encodeItems } from "../outbox/batch.ts";
import { leafIdentity, otherAccounts, type RoomContext } from "./context.ts";
import { nameOf } from "./naming.ts";
import { enqueue } from "./sending.ts";
import type { RoomState } from "./state.ts";
import { andThen, type RoomStep, stay, withDurable } from "./steps.ts";

/**
 * A newcomer waits to hear that another account is in the same epoch (rule 10). Whoever is online
 * says so, the lowest leaf first, each further one a little later unless it has been said.
 */
export function oweConfirmation(
  state: RoomState,
  due: { readonly epoch: bigint; readonly account: AccountId },
  context: RoomContext,
): RoomStep {
  if (state.durable.phase !== "active") return stay(state);
  return waitToConfirm(withDurable(state, { confirmDue: due }), context);
}

/** What is owed outlives the client: one that opens again, and has read all, takes it up. */
export function waitToConfirm(state: RoomState, context: RoomContext): RoomStep {
  const { confirmDue } = state.durable;
  if (confirmDue === undefined) return stay(state);
  const delayMs = rankOf(state, confirmDue.account, context) * CONFIRM_RANK_DELAY_MS;
  return stay(state, { kind: "wait", delayMs, tag: "confirm" });
}

function rankOf(state: RoomState, newcomer: AccountId, context: RoomContext): number {
  const ranked = state.roster
    .filter((leaf) => leafIdentity(leaf)?.account !== newcomer)
    .sort((left, right) => left.leafIndex - right.leafIndex);
  const rank = ranked.findIndex((leaf) => leafIdentity(leaf)?.device === context.device);
  return Math.max(0, rank);
}

/** Nobody was faster: say it, with the names that a newcomer cannot have read. */
export function confirmNow(state: RoomState, context: RoomContext): RoomStep {
  const { confirmDue, phase, group, authenticators } = state.durable;
  const newest = authenticators.at(-1);
  if (confirmDue === undefined || phase !== "active" || group === undefined) return stay(state);
  if (newest?.epoch !== group.epoch) return stay(state);
  const confirmed = { epoch: newest.epoch, epochAuthenticator: newest.value };
  const done = withDurable(state, { confirmDue: undefined });
  return say(
    done,
    [{ $case: "epochConfirmed", value: confirmed }, wholeProfile(done, context)],
    context,
  );
}

/** Somebody of another account says which epoch he is in. */
export function onConfirmation(
  state: RoomState,
  said: { readonly account: AccountId; readonly confirmed: roomsV1.EpochConfirmed },
  context: RoomContext,
): RoomStep {
  const { account, confirmed } = said;
  const { confirmDue, phase } = state.durable;
  // Whoever's words open here has this group's secrets: a wrong authenticator is a lie of his, and
  // shows no other group. It neither ends the room nor takes the word from those who tell the truth.
  if (!isKnownEpoch(state, confirmed)) return stay(state);
  if (phase === "active") {
    const isSaid =
      confirmDue !== undefined &&
      confirmDue.account !== account &&
      confirmed.epoch >= confirmDue.epoch;
    return stay(isSaid ? withDurable(state, { confirmDue: undefined }) : state);
  }
  // A leaf that the log no longer entitles may be all that an old key of the room still holds.
  const isWaitedFor = otherAccounts(context, state.room, state.roster).includes(account);
  if (phase !== "confirming" || !isWaitedFor) return stay(state);
  return stay(withDurable(state, { phase: "active" }), { kind: "changed" });
}

function isKnownEpoch(
  { durable }: RoomState,
  { epoch, epochAuthenticator }: roomsV1.EpochConfirmed,
): boolean {
  const known = durable.authenticators.find((kept) => kept.epoch === epoch);
  return known !== undefined && equalBytes(known.value, epochAuthenticator);
}

/** Those waited for may all have left meanwhile. */
export function endWaiting(state: RoomState, context: RoomContext): RoomState {
  if (state.durable.phase !== "confirming") return state;
  const others = otherAccounts(context, state.room, state.roster);
  return others.length > 0 ? state : withDurable(state, { phase: "active" });
}

/** One's own name, once in each room, as soon as one may write there. */
export function sayProfile(state: RoomState, context: RoomContext): RoomStep {
  const { phase, sentName } = state.durable;
  if (phase !== "active" || sentName === context.personName) return stay(state);
  const named = withDurable(state, { sentName: context.personName });
  return say(named, [profileBody({ personName: context.personName })], context);
}

function wholeProfile(state: RoomState, context: RoomContext): ItemBody {
  const { names } = state;
  const { account, log } = context;
  const isOwner = isOwnerOver(log.state, { account, scope: roomScope(state.room), at: log.size });
  const accounts = new Set([...names.own.keys(), ...names.told.keys()]);
  accounts.delete(account);
  return profileBody({
    personName: context.personName,
    roomName: isOwner ? (names.room ?? "") : "",
    knownNames: [...accounts].slice(0, 1000).map((known) => ({
      accountId: idBytes(known),
      name: nameOf(names, known) ?? "",
    })),
  });
}

type ItemBody = NonNullable<roomsV1.Item["body"]>;

export function profileBody(profile: Partial<roomsV1.Profile>): ItemBody {
  return {
    $case: "profile",
    value: { roomName: "", personName: "", knownNames: [], ...profile },
  };
}

/** Own words of the client, through the outbox like anybody's. Ids are drawn from what is being said. */
function say(state: RoomState, bodies: readonly ItemBody[], context: RoomContext): RoomStep {
  const items = bodies.map((body, index): roomsV1.Item => {
    const seed = roomsV1.Item.encode({
      messageId: idBytes(context.device),
      sentMs: BigInt(context.nowMs),
      body,
    }).finish();
    const messageId = context.sha256(Uint8Array.of(index, ...seed)).slice(0, 16);
    return { messageId, sentMs: BigInt(context.nowMs), body };
  });
  const row = {
    items: encodeItems(items),
    ids: items.map(({ messageId }) => messageIdFromBytes(messageId)),
  };
  return andThen(stay(state), (after) => enqueue(after, [row], context));
}
