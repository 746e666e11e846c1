import type { AccountId, RoomId } from "@cloister/base";
import { valueAt } from "./history.ts";
import type { RoleName } from "./names.ts";
import type { OrgState } from "./org-state.ts";
import { orgScope, projectScope, roomScope, type Scope, scopeKey } from "./scope.ts";

export interface RoleQuery {
  readonly account: AccountId;
  readonly scope: Scope;
  readonly at: number;
}

/** The role that a statement gave at exactly this scope; undefined: none. */
export function roleOf(state: OrgState, { account, scope, at }: RoleQuery): RoleName | undefined {
  return valueAt(state.roles.get(scopeKey(scope))?.get(account), at);
}

/** A room's members are those with a role in it: roles above never make one. */
export function isMember(
  state: OrgState,
  {
    account,
    room,
    at,
  }: { readonly account: AccountId; readonly room: RoomId; readonly at: number },
): boolean {
  return roleOf(state, { account, scope: roomScope(room), at }) !== undefined;
}

/** Owner of the scope or of one above it. An unknown or later scope has no owner. */
export function isOwnerOver(state: OrgState, { account, scope, at }: RoleQuery): boolean {
  return scopeAndAbove(state, scope, at).some(
    (level) => roleOf(state, { account, scope: level, at }) === "owner",
  );
}

/** The scope, then what it lies in, up to the org; empty if the scope does not exist at this size. */
export function scopeAndAbove(state: OrgState, scope: Scope, at: number): readonly Scope[] {
  switch (scope.kind) {
    case "org":
      return [orgScope];
    case "project": {
      const project = state.projects.get(scope.id);
      return project !== undefined && project.createdAt < at ? [scope, orgScope] : [];
    }
    case "room": {
      const room = state.rooms.get(scope.id);
      if (room === undefined || room.createdAt >= at) return [];
      return [scope, projectScope(room.project), orgScope];
    }
    default:
      throw scope satisfies never;
  }
}

export interface Member {
  readonly account: AccountId;
  readonly role: RoleName;
}

/** Who has a role at exactly this scope, in the order in which they first got one. */
export function membersOf(
  state: OrgState,
  { scope, at }: { readonly scope: Scope; readonly at: number },
): Member[] {
  const members: Member[] = [];
  for (const [account, history] of state.roles.get(scopeKey(scope)) ?? []) {
    const role = valueAt(history, at);
    if (role !== undefined) members.push({ account, role });
  }
  return members;
}

/** Every scope that the account has a role in. */
export function rolesOfAccount(
  state: OrgState,
  { account, at }: { readonly account: AccountId; readonly at: number },
): { readonly scope: Scope; readonly role: RoleName }[] {
  const found: { readonly scope: Scope; readonly role: RoleName }[] = [];
  for (const scope of state.scopesByAccount.get(account)?.values() ?? []) {
    const role = roleOf(state, { account, scope, at });
    if (role !== undefined) found.push({ scope, role });
  }
  return found;
}

/** The rooms that the account is a member of. */
export function roomsOfAccount(
  state: OrgState,
  query: { readonly account: AccountId; readonly at: number },
): { readonly room: RoomId; readonly role: RoleName }[] {
  return rolesOfAccount(state, query).flatMap(({ scope, role }) =>
    scope.kind === "room" ? [{ room: scope.id, role }] : [],
  );
}
