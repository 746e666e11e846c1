import { formatTable, printResult } from "../output.ts";
import { findAccount } from "../resolve.ts";
import { withClient } from "../session.ts";
import { type CommandContext, globalsOf, withExamples } from "./command-context.ts";
import { openRoom } from "./messages.ts";

/** `member list|remove`: who is in. */
export function addMemberCommands({ program, io }: CommandContext): void {
  const member = program.command("member").description("who is in the org or a room");
  withExamples(
    member
      .command("list")
      .description("members with their roles and devices")
      .option("--room <room>", "of this room"),
    "member list",
    "member list --room sources",
  ).action(async (options: { room?: string }, command) => {
    const globals = globalsOf(command);
    await withClient(io, { ...globals, mayBeOffline: true }, async (client) => {
      const members =
        options.room === undefined
          ? client.org.members()
          : (await openRoom(io, client, options.room)).members();
      const rows = members.map(({ name, role, devices, account }) => [
        name ?? "-",
        role,
        `${devices.length} ${devices.length === 1 ? "device" : "devices"}`,
        account,
      ]);
      printResult(io, globals, { json: { members }, text: formatTable(rows) });
    });
  });
  withExamples(
    member
      .command("remove <person>")
      .description("take every role away, in rooms and org (owners)"),
    "member remove Bob",
  ).action(async (person: string, _options, command) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const account = findAccount(client, person);
      await client.org.removeMember(account);
      printResult(io, globals, { json: { removed: account }, text: `${person} is removed.` });
    });
  });
}
