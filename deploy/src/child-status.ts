import type { ChildState } from "@cloister/server-kit";
import type { RoleStatus } from "./control.ts";

/** A child's state as `server status` tells it. */
export function childStatus(
  state: ChildState,
  of: Pick<RoleStatus, "name" | "logFile">,
): RoleStatus {
  switch (state.kind) {
    case "running":
      return { ...of, state: "ready", pid: state.pid, restarts: state.restarts };
    case "starting":
      return { ...of, state: "starting", pid: undefined, restarts: state.attempt };
    case "waiting":
      return { ...of, state: "waiting", pid: undefined, restarts: state.attempt };
    case "stopped":
    case "failed":
      return { ...of, state: "stopped", pid: undefined, restarts: 0 };
    default:
      return state satisfies never;
  }
}
