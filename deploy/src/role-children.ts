import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SupervisedChild } from "@cloister/server-kit";
import { childStatus } from "./child-status.ts";
import type { RoleStatus } from "./control.ts";
import type { ServerHome } from "./server-home.ts";

export type RoleName = "relay" | "accounts" | "gateway";

/** This very program, also after the file was replaced (proc_pid_exe(5)): nothing else is started. */
const OWN_PROGRAM = "/proc/self/exe";
const READY_POLL_MS = 10;
const READY_TIMEOUT_MS = 60_000;

/** A role as a child process: its own program, its own environment, nothing inherited. */
export interface RoleChild {
  readonly name: RoleName;
  readonly child: SupervisedChild;
  status(): RoleStatus;
}

export function roleChild(options: {
  readonly name: RoleName;
  readonly home: ServerHome;
  readonly environment: Readonly<Record<string, string>>;
}): RoleChild {
  const { name, home } = options;
  const readyFile = join(home.ready, name);
  const logFile = join(home.logs, `${name}.log`);
  const child = new SupervisedChild({
    name,
    program: OWN_PROGRAM,
    args: ["--disable-warning=ExperimentalWarning", roleProgram(name)],
    environment: {
      ...options.environment,
      CLOISTER_READY_FILE: readyFile,
      NODE_COMPILE_CACHE: home.codeCache,
    },
    pidFile: rolePidFile(home, name),
    logFile,
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopTimeoutMs: 20_000,
    onState: ({ kind }) => {
      if (kind === "starting") rmSync(readyFile, { force: true });
    },
    ready: (signal) => untilFile(readyFile, signal),
  });
  return { name, child, status: () => statusOf({ name, child, logFile }) };
}

/** Says which process is the role's, for the next start after a crash. */
export function rolePidFile(home: ServerHome, name: RoleName): string {
  return join(home.run, `${name}.pid`);
}

/** The role's program in this checkout. */
function roleProgram(name: RoleName): string {
  return fileURLToPath(new URL(`../../${name}/src/main.ts`, import.meta.url));
}

async function untilFile(path: string, signal: AbortSignal): Promise<void> {
  while (!existsSync(path)) await delay(READY_POLL_MS, undefined, { signal });
}

function statusOf(role: {
  readonly name: RoleName;
  readonly child: SupervisedChild;
  readonly logFile: string;
}): RoleStatus {
  return childStatus(role.child.state, { name: role.name, logFile: role.logFile });
}
