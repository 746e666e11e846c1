import type { AccountId } from "@cloister/base";
import { nameOf } from "../room/naming.ts";
import type { ClientSession } from "./session.ts";

/** As any room of this device knows the person, one's own word first; else as the invitation said. */
export function personName(session: ClientSession, account: AccountId): string | undefined {
  const { identity, device, invited } = session;
  if (account === identity.accountId) return identity.personName;
  const names = device.rooms().map((state) => state.names);
  const said = names.map(({ own }) => own.get(account)).find((name) => name !== undefined);
  const told = names.map((known) => nameOf(known, account)).find((name) => name !== undefined);
  return said ?? told ?? invited.people.get(account);
}
