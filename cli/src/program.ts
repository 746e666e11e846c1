import { version } from "@cloister/base";
import { Command } from "commander";
import { addFileCommands } from "./commands/files.ts";
import { addLookCommands } from "./commands/look.ts";
import { addMessageCommands } from "./commands/messages.ts";
import { addOrgCommands } from "./commands/org.ts";
import { addPeopleCommands } from "./commands/people.ts";
import { addPolicyCommands } from "./commands/policy.ts";
import { addServerCommands } from "./commands/server.ts";
import type { Io } from "./io.ts";

/** Every command. Parsing errors are thrown, not exited on: the caller decides. */
export function createProgram(io: Io): Command {
  const program = new Command("cloister");
  program
    .description("Rooms that your organisation runs itself, and whose servers cannot read them.")
    .version(version)
    .option(
      "--profile <name>",
      "which identity on this machine",
      io.environment["CLOISTER_PROFILE"] ?? "default",
    )
    .option("--json", "one line of JSON instead of text")
    .showHelpAfterError("(see --help, with examples)")
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .exitOverride();
  const context = { program, io };
  addServerCommands(context);
  addOrgCommands(context);
  addPeopleCommands(context);
  addPolicyCommands(context);
  addMessageCommands(context);
  addFileCommands(context);
  addLookCommands(context);
  return program;
}
