import type { AccountId, ProjectId, RoomId } from "@cloister/base";
import type { Client, OrgMember, OrgProject, RoomStatus, ScopeRef } from "@cloister/client-core";
import { cliErrors } from "./errors.ts";

interface Named<Id extends string> {
  readonly id: Id;
  readonly name: string | undefined;
}

/** By id, by name, or by the beginning of an id; several that fit are an error that lists them. */
export function findByName<Id extends string>(
  kind: string,
  known: readonly Named<Id>[],
  wanted: string,
): Id {
  const exact = known.find(({ id }) => id === wanted);
  if (exact !== undefined) return exact.id;
  const byName = known.filter(({ name }) => name?.toLowerCase() === wanted.toLowerCase());
  const found = byName.length > 0 ? byName : known.filter(({ id }) => isShortFor(id, wanted));
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only.id;
  if (only === undefined) throw cliErrors.ERR_NAME_UNKNOWN(`no ${kind} is called ${wanted}`);
  throw cliErrors.ERR_NAME_AMBIGUOUS(
    `several are called ${wanted}: ${found.map(({ id }) => id).join(", ")}`,
  );
}

function isShortFor(id: string, wanted: string): boolean {
  return wanted.length >= 8 && id.startsWith(wanted);
}

export function findRoom(client: Client, wanted: string): RoomId {
  return findByName(
    "room",
    client.rooms().map(({ id, name }: RoomStatus) => ({ id, name })),
    wanted,
  );
}

export function findProject(client: Client, wanted: string): ProjectId {
  const projects = client.org.projects();
  return findByName(
    "project",
    projects.map(({ id, name }: OrgProject) => ({ id, name })),
    wanted,
  );
}

/** A person by the name that rooms know, or by account id; `me` is oneself. */
export function findAccount(client: Client, wanted: string): AccountId {
  if (wanted === "me") return client.accountId;
  const members = client.org
    .members()
    .map(({ account, name }: OrgMember) => ({ id: account, name }));
  return findByName("member", members, wanted);
}

export interface ScopeOptions {
  readonly project?: string;
  readonly room?: string;
}

/** `--room` or `--project`; neither is the org. */
export function findScope(client: Client, options: ScopeOptions): ScopeRef {
  if (options.room !== undefined) return { kind: "room", room: findRoom(client, options.room) };
  if (options.project === undefined) return { kind: "org" };
  return { kind: "project", project: findProject(client, options.project) };
}
