import type { ProjectId, RoomId } from "@cloister/base";
import type { ProjectFact, RoomFact } from "./facts.ts";
import type { OrgState } from "./org-state.ts";

export function projectAt(
  state: OrgState,
  { project, at }: { readonly project: ProjectId; readonly at: number },
): ProjectFact | undefined {
  const fact = state.projects.get(project);
  return fact !== undefined && fact.createdAt < at ? fact : undefined;
}

export function roomAt(
  state: OrgState,
  { room, at }: { readonly room: RoomId; readonly at: number },
): RoomFact | undefined {
  const fact = state.rooms.get(room);
  return fact !== undefined && fact.createdAt < at ? fact : undefined;
}

/** In the order of creation. */
export function projectsAt(state: OrgState, at: number): ProjectFact[] {
  return [...state.projects.values()].filter(({ createdAt }) => createdAt < at);
}

/** In the order of creation. */
export function roomsAt(state: OrgState, at: number): RoomFact[] {
  return [...state.rooms.values()].filter(({ createdAt }) => createdAt < at);
}
