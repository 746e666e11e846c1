import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";

export const root = join(import.meta.dirname, "..");

/** The pinned tools go before whatever the machine has. */
export const toolEnv: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [join(root, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter),
};

/** Runs one command in the repository's root; throws when it fails. */
export function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: root, env: toolEnv, stdio: "inherit" });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${command} ${args[0] ?? ""} failed with ${status ?? "a signal"}`);
}
