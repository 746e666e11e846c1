import { type AccountId, shortId } from "@cloister/base";
import type { Client, MessageState, RoomPhase, WaitReason } from "@cloister/client-core";
import { printableLine } from "./output.ts";

/** How far a message has come, and for whom or what it waits, in words. */
export function stateText(client: Client, state: MessageState): string {
  switch (state.kind) {
    case "queued":
      return "queued on this device";
    case "stored":
      return state.resent ? "stored (resent)" : "stored";
    case "waiting":
      return `queued on this device, waiting: ${waitText(client, state.reason)}`;
    default:
      return state satisfies never;
  }
}

function waitText(client: Client, reason: WaitReason): string {
  switch (reason.kind) {
    case "offline":
      return "no connection";
    case "not-admitted":
      return printableLine(reason.hint);
    case "confirmation":
      return confirmationText(client, reason.accounts);
    case "stream-full":
      return "the server has no space left; tell its operator";
    case "catching-up":
      return "reading what came before";
    default:
      return reason satisfies never;
  }
}

/** What a room is doing, in words. */
export function phaseText(client: Client, phase: RoomPhase): string {
  switch (phase.kind) {
    case "absent":
      return "not joined yet";
    case "joining":
      return "joining";
    case "awaiting-confirmation":
      return confirmationText(client, phase.accounts);
    case "active":
      return "joined";
    case "catching-up":
      return "joined, reading";
    case "removed":
      return "removed";
    case "stopped":
      return `stopped: ${printableLine(phase.text)}`;
    default:
      return phase satisfies never;
  }
}

function confirmationText(client: Client, accounts: readonly AccountId[]): string {
  const names = new Map(client.org.members().map(({ account, name }) => [account, name]));
  const people = accounts.map((account) => names.get(account) ?? shortId(account));
  return `${printableLine(people.join(" or "))} must come online once to confirm you`;
}
