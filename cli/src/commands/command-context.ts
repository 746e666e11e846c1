import type { Command } from "commander";
import { cliErrors } from "../errors.ts";
import type { GlobalOptions, Io } from "../io.ts";

/** What a file of commands gets to add its own to. */
export interface CommandContext {
  readonly program: Command;
  readonly io: Io;
}

/** The options that stand before the command, wherever the user wrote them. */
export function globalsOf(command: Command): GlobalOptions {
  const options = command.optsWithGlobals<{ profile: string; json?: boolean }>();
  return { profile: options.profile, json: options.json === true };
}

/** Help ends with examples that can be copied. */
export function withExamples(command: Command, ...examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ cloister ${example}`).join("\n");
  return command.addHelpText("after", `\nExamples:\n${lines}`);
}

/** A whole number of seconds, as an option gives it. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isSafeInteger(seconds) && seconds > 0 && seconds <= 0xffff_ffff) return seconds;
  throw cliErrors.ERR_ARGUMENT("a time is given in whole seconds");
}
