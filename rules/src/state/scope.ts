import {
  idBytes,
  type ProjectId,
  projectIdFromBytes,
  type RoomId,
  roomIdFromBytes,
} from "@cloister/base";
import type { statementsV1 } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";

/** A level that roles and policies are attached to. */
export type Scope =
  | { readonly kind: "org" }
  | { readonly kind: "project"; readonly id: ProjectId }
  | { readonly kind: "room"; readonly id: RoomId };

export const orgScope: Scope = Object.freeze({ kind: "org" });

export function projectScope(id: ProjectId): Scope {
  return { kind: "project", id };
}

export function roomScope(id: RoomId): Scope {
  return { kind: "room", id };
}

/** Tells scopes apart in maps: ids carry their kind as prefix. */
export type ScopeKey = "org" | ProjectId | RoomId;

export function scopeKey(scope: Scope): ScopeKey {
  return scope.kind === "org" ? "org" : scope.id;
}

/** A scope has one spelling: a room is named without its project. */
export function parseScope(scope: statementsV1.Scope | undefined): Scope {
  if (scope === undefined) throw malformed();
  const { projectId, roomId } = scope;
  if (projectId.length > 0 && roomId.length > 0) throw malformed();
  if (projectId.length > 0) return projectScope(projectIdFromBytes(projectId));
  if (roomId.length > 0) return roomScope(roomIdFromBytes(roomId));
  return orgScope;
}

export function scopeMessage(scope: Scope): statementsV1.Scope {
  const none = new Uint8Array(0);
  switch (scope.kind) {
    case "org":
      return { projectId: none, roomId: none };
    case "project":
      return { projectId: idBytes(scope.id), roomId: none };
    case "room":
      return { projectId: none, roomId: idBytes(scope.id) };
    default:
      throw scope satisfies never;
  }
}

function malformed(): Error {
  return rulesErrors.ERR_VERIFICATION_STATEMENT_SUBJECT(
    "a scope names the org, one project or one room",
  );
}
