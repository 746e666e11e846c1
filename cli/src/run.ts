import { CloisterError, exitCodeOf, isCloisterError } from "@cloister/base";
import { CommanderError } from "commander";
import { cliErrors } from "./errors.ts";
import { hintOf } from "./hints.ts";
import type { Io } from "./io.ts";
import { jsonLine, printable } from "./output.ts";
import { createProgram } from "./program.ts";

/** What a shell answers for a process that SIGINT ended. */
const STOPPED_EXIT = 130;

/** Runs one command line and answers with its exit code (sysexits by kind of error). */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const json = args.includes("--json");
  try {
    await createProgram(io, { json }).parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, { io, json });
    if (error.exitCode === 0) return 0;
    // For a person commander has said it already.
    if (json) return report(cliErrors.ERR_ARGUMENT(error.message), { io, json });
    return exitCodeOf("Usage");
  }
}

function report(error: unknown, to: { readonly io: Io; readonly json: boolean }): number {
  const known = isCloisterError(error) ? error : internal(error);
  const hint = hintOf(known);
  if (to.json) to.io.stderr.write(`${jsonLine({ error: { ...known.toJSON(), hint } })}\n`);
  else to.io.stderr.write(`${errorText(known, hint)}\n`);
  const isStopped = known.code === "ERR_STOPPED" || known.code === "ERR_ABORTED";
  return isStopped ? STOPPED_EXIT : exitCodeOf(known.kind);
}

function errorText({ message, code }: CloisterError, hint: string | undefined): string {
  const lines = [`cloister: ${printable(message)}`];
  if (hint !== undefined && hint !== "") lines.push(`  ${printable(hint)}`);
  lines.push(`  (${code})`);
  return lines.join("\n");
}

/** What nobody foresaw: its name and place are shown, its data are not. */
function internal(error: unknown): CloisterError {
  const place = error instanceof Error ? (error.stack ?? error.name) : String(error);
  return new CloisterError({
    kind: "Internal",
    code: "ERR_INTERNAL",
    message: `something went wrong that should not: ${place}`,
    hint: "Please report it, with the command that you gave.",
  });
}
