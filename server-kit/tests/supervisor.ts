import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SupervisedChild } from "@cloister/server-kit";

/** Supervises one program in the folder of its first argument, until it is killed. */
const folder = process.argv[2] ?? "";
const program = process.argv[3] ?? "";
const readyFile = join(folder, "ready");
const service = fileURLToPath(new URL("supervised-service.ts", import.meta.url));
const child = new SupervisedChild({
  name: "child",
  program: program === "" ? "/proc/self/exe" : program,
  args: program === "" ? [service] : ["600"],
  environment: { CLOISTER_READY_FILE: readyFile },
  pidFile: join(folder, "pid"),
  logFile: join(folder, "log"),
  ready: async (signal) => {
    while (program === "" && !existsSync(readyFile)) await delay(10, undefined, { signal });
  },
});
await child.start();
const { state } = child;
process.stdout.write(`${state.kind === "running" ? state.pid : 0}\n`);
