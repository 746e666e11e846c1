import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Outcome } from "./test-box.ts";

/** Runs a process to its end; killed if that does not come in time. */
export async function ended(child: ChildProcess, withinMs = 60_000): Promise<Outcome> {
  const kill = setTimeout(() => child.kill("SIGKILL"), withinMs);
  let [out, err] = ["", ""];
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString("utf8");
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    err += chunk.toString("utf8");
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  clearTimeout(kill);
  if (code === null) throw new Error(`ended by ${signal}: ${err}`);
  return { code, out, err };
}
