import { CloisterError, exitCodeOf, isCloisterError } from "@cloister/base";
import { CommanderError } from "commander";
import type { Io } from "./io.ts";
import { jsonLine, printable } from "./output.ts";
import { createProgram } from "./program.ts";

/** Runs one command line and answers with its exit code (sysexits by kind of error). */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodeOf("Usage");
    return report(error, { io, json: args.includes("--json") });
  }
}

function report(error: unknown, to: { readonly io: Io; readonly json: boolean }): number {
  const known = isCloisterError(error) ? error : internal(error);
  if (to.json) to.io.stderr.write(`${jsonLine({ error: known.toJSON() })}\n`);
  else to.io.stderr.write(`${errorText(known)}\n`);
  return exitCodeOf(known.kind);
}

function errorText(error: CloisterError): string {
  const lines = [`cloister: ${printable(error.message)}`];
  if (error.hint !== undefined && error.hint !== "") lines.push(`  ${printable(error.hint)}`);
  lines.push(`  (${error.code})`);
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
