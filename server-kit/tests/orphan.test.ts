import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isProcessRunning } from "@cloister/server-kit";
import { afterEach, beforeEach, expect, test } from "vitest";

const program = fileURLToPath(new URL("supervisor.ts", import.meta.url));
const patience = { timeout: 15_000, interval: 20 };

let folder: string;
const started: (ChildProcess | number)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloister-orphan-"));
});
afterEach(async () => {
  for (const each of started.splice(0)) {
    if (typeof each !== "number") each.kill("SIGKILL");
    else if (await isProcessRunning(each)) process.kill(each, "SIGKILL");
  }
  await rm(folder, { recursive: true, force: true });
});

/** A supervisor in a process of its own, with the child that it has started. */
async function supervise(child = ""): Promise<{ supervisor: ChildProcess; pid: number }> {
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const supervisor = spawn(process.execPath, [program, folder, child], { stdio: [...stdio] });
  started.push(supervisor);
  if (supervisor.stdout === null) throw new Error("no output");
  const [text] = await once(supervisor.stdout, "data");
  const pid = Number(String(text));
  started.push(pid);
  expect(await isProcessRunning(pid)).toBe(true);
  return { supervisor, pid };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

test("a service ends by itself when its supervisor is killed -9", async () => {
  const { supervisor, pid } = await supervise();
  await kill(supervisor);
  await expect.poll(() => isProcessRunning(pid), patience).toBe(false);
});

test("a program that knows nothing of its supervisor is ended by the next one, before its own starts", async () => {
  const first = await supervise("/bin/sleep");
  await kill(first.supervisor);
  expect(await isProcessRunning(first.pid)).toBe(true);
  expect((await stat(join(folder, "pid"))).mode & 0o777).toBe(0o600);
  const second = await supervise("/bin/sleep");
  expect(second.pid).not.toBe(first.pid);
  expect(await isProcessRunning(first.pid)).toBe(false);
});

test("a process that has got the id of an earlier one is left alone", async () => {
  const bystander = spawn("/bin/sleep", ["600"], { stdio: "ignore" });
  started.push(bystander);
  const { supervisor } = await supervise("/bin/sleep");
  const [, ticks = "", boot = ""] = (await readFile(join(folder, "pid"), "utf8")).split(" ");
  await kill(supervisor);
  const pid = bystander.pid ?? 0;
  for (const identity of [
    `${pid} ${Number(ticks) - 5_000} ${boot}`,
    String(pid),
    "1 1 x",
    "",
    "junk",
  ]) {
    await writeFile(join(folder, "pid"), identity);
    const next = await supervise("/bin/sleep");
    expect(await isProcessRunning(pid), identity).toBe(true);
    await kill(next.supervisor);
  }
});
