import { concatBytes, idBytes, RANDOM_ID_BYTES, type RoomId } from "@cloister/base";
import type { OrgState } from "../state/org-state.ts";
import { roomAt } from "../state/places.ts";
import { orgScope, projectScope, roomScope, type Scope } from "../state/scope.ts";
import { policyAt } from "./effective.ts";

/**
 * SHA-256 of the ids of the statements that set the policy of org, project and room at this size of
 * the log, in that order; 16 zero bytes where a level has none (docs/protocol.md, Sign-in).
 */
export function policyHash(
  state: OrgState,
  { room, at }: { readonly room: RoomId; readonly at: number },
): Uint8Array {
  const project = roomAt(state, { room, at })?.project;
  const levels: (Scope | undefined)[] = [
    orgScope,
    project === undefined ? undefined : projectScope(project),
    roomScope(room),
  ];
  const ids = levels.map((scope) => {
    const fact = scope === undefined ? undefined : policyAt(state, { scope, at });
    return fact === undefined ? new Uint8Array(RANDOM_ID_BYTES) : idBytes(fact.statement);
  });
  return state.crypto.sha256(concatBytes(...ids));
}
