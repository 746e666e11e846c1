import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { kitErrors } from "./errors.ts";

const termMs = 15_000;
const killMs = 5_000;
const pollMs = 20;

/**
 * Writes down which process runs, so that the next supervisor can end it if this one is killed. The
 * start time and the boot stand beside the id, which the system gives to others later.
 */
export async function rememberProcess(pidFile: string, pid: number): Promise<void> {
  const identity = await identityOf(pid);
  if (identity === undefined) return;
  await writeFile(`${pidFile}.new`, identity, { mode: 0o600 });
  await rename(`${pidFile}.new`, pidFile);
}

/** Ends the process that an earlier supervisor wrote down, if it is that very one, and forgets it. */
export async function endRemembered(pidFile: string): Promise<void> {
  const identity = await readFile(pidFile, "utf8").catch(() => undefined);
  const pid = Number(identity?.split(" ")[0]);
  if (identity !== undefined && Number.isSafeInteger(pid) && pid > 1) {
    await endProcess(pid, async () => (await identityOf(pid)) === identity);
  }
  await rm(pidFile, { force: true });
}

/** False for one that has ended, though nobody may have taken note of it yet. */
export async function isProcessRunning(pid: number): Promise<boolean> {
  return (await identityOf(pid)) !== undefined;
}

async function endProcess(pid: number, isStillIt: () => Promise<boolean>): Promise<void> {
  for (const [signal, patienceMs] of [
    ["SIGTERM", termMs],
    ["SIGKILL", killMs],
  ] as const) {
    if (!(await isStillIt())) return;
    kill(pid, signal);
    const deadline = Date.now() + patienceMs;
    while (Date.now() < deadline) {
      if (!(await isStillIt())) return;
      await delay(pollMs);
    }
  }
  if (await isStillIt()) {
    throw kitErrors.ERR_CHILD_START("a process that an earlier run left does not end", {
      hint: `end process ${pid} by hand`,
      details: { pid },
    });
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone since it was looked at.
  }
}

/** `<pid> <start, in ticks since boot> <boot>` (proc_pid_stat(5)); undefined for one that ended. */
async function identityOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything, a bracket too.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state] = fields;
    if (state === "X" || (state === "Z" && !(await hasThreads(pid)))) return undefined;
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    return `${pid} ${fields[19]} ${boot}`;
  } catch {
    return undefined;
  }
}

/** While other threads still end, its ports and locks are not free. */
async function hasThreads(pid: number): Promise<boolean> {
  return (await readdir(`/proc/${pid}/task`)).length > 1;
}
