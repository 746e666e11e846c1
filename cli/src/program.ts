import { version } from "@cloister/base";
import { Command } from "commander";
import { addFactorCommands } from "./commands/factors.ts";
import { addFileCommands } from "./commands/files.ts";
import { addLookCommands } from "./commands/look.ts";
import { addMemberCommands } from "./commands/members.ts";
import { addMessageCommands } from "./commands/messages.ts";
import { addOrgCommands } from "./commands/org.ts";
import { addPeopleCommands } from "./commands/people.ts";
import { addPolicyCommands } from "./commands/policy.ts";
import { addServerCommands } from "./commands/server.ts";
import type { Io } from "./io.ts";

const notes = `
Passphrase: asked for at the terminal, or read from CLOISTER_PASSPHRASE_FILE (a path) or
CLOISTER_PASSPHRASE_FD (a descriptor). Never an argument: the process list shows those.

Environment:
  CLOISTER_PROFILE        which identity, where --profile is not given
  CLOISTER_HOME           where profiles lie (~/.local/share/cloister)
  CLOISTER_SERVER_HOME    where the box lies (~/.local/state/cloister-server)

Exit codes: 0 done, 64 usage, 65 malformed, 69 no connection, 70 internal, 73 limit, 75 not yet,
76 not genuine, 77 refused, 130 stopped.

Begin:
  $ cloister server init && cloister server start
  $ cloister org create "Acme" --as Alice --claim -     (paste the claim code)
  $ cloister join --as Bob -                            (or paste an invitation)`;

/** Every command. Parsing errors are thrown, not exited on: the caller decides. */
export function createProgram(io: Io, { json }: { readonly json: boolean }): Command {
  const program = new Command("cloister");
  program
    .description("Rooms that your organisation runs itself, and whose servers cannot read them.")
    .version(version)
    .option(
      "--profile <name>",
      "which identity on this machine",
      io.environment["CLOISTER_PROFILE"] ?? "default",
    )
    .option("--json", "one line of JSON instead of text; errors too, on stderr")
    .addHelpText("after", notes)
    .showHelpAfterError("(see --help, with examples)")
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => {
        if (!json) io.stderr.write(text);
      },
    })
    .exitOverride();
  const context = { program, io };
  program.commandsGroup("Rooms:");
  addMessageCommands(context);
  addFileCommands(context);
  program.commandsGroup("You:");
  addLookCommands(context);
  addFactorCommands(context);
  program.commandsGroup("Org (what owners do):");
  addOrgCommands(context);
  addPeopleCommands(context);
  addMemberCommands(context);
  addPolicyCommands(context);
  program.commandsGroup("Box (what operators do):");
  addServerCommands(context);
  return program;
}
