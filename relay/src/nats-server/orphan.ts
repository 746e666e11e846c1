import { readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { relayErrors } from "../errors.ts";

const stopMs = 15_000;
const pollMs = 50;

/**
 * Ends the nats-server that a killed supervisor left running on this folder: two of them must never
 * write the same streams. Only a process that runs with exactly this configuration file is ended.
 */
export async function endOrphan(at: {
  readonly pidFile: string;
  readonly configFile: string;
}): Promise<void> {
  const pid = await pidIn(at.pidFile);
  if (pid === undefined || !(await isOurs(pid, at.configFile))) return;
  process.kill(pid, "SIGTERM");
  const deadline = Date.now() + stopMs;
  while (await isOurs(pid, at.configFile)) {
    if (Date.now() > deadline) process.kill(pid, "SIGKILL");
    if (Date.now() > deadline + stopMs) throw stuck(pid);
    await sleep(pollMs);
  }
}

async function pidIn(path: string): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const pid = Number(text.trim());
  return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
}

/** A pid may have been given to another process since: the command line tells. */
async function isOurs(pid: number, configFile: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const isGone = await readlink(`/proc/${pid}/exe`).then(
    () => false,
    () => true,
  );
  return !isGone && command.split("\0").includes(configFile);
}

function stuck(pid: number): Error {
  return relayErrors.ERR_RELAY_NATS_ORPHAN("an older nats-server of this box does not end", {
    details: { pid },
  });
}
