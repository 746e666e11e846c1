import { type Role, type ScopeRef, setup } from "@cloister/client-core";
import type { Command } from "commander";
import { cliErrors } from "../errors.ts";
import { printableLine, printResult } from "../output.ts";
import { patiently } from "../patience.ts";
import { findAccount, findRoom, findScope, type ScopeOptions } from "../resolve.ts";
import { makeProfile, withClient } from "../session.ts";
import { readCode } from "../stdin.ts";
import { type CommandContext, globalsOf, withExamples } from "./command-context.ts";

const DAY_MS = 86_400_000;

/** `invite`, `join`, `role`: who comes in, and as what. */
export function addPeopleCommands(context: CommandContext): void {
  addInvite(context);
  addJoin(context);
  addRole(context);
}

function addInvite({ program, io }: CommandContext): void {
  withExamples(
    program
      .command("invite")
      .description("make an invitation for one person (owners); it is shown once")
      .option("--room <room...>", "rooms the person becomes a member of")
      .option(
        "--role <role>",
        "role in those rooms, or in the org without any: user or owner",
        "user",
      )
      .option("--days <days>", "how long it stays open", "7"),
    "invite --room sources",
    "invite --role owner --days 1",
  ).action(async (options: { room?: string[]; role: string; days: string }, command) => {
    const globals = globalsOf(command);
    const role = parseRole(options.role);
    const days = Number(options.days);
    if (!(days > 0 && days <= 365)) throw cliErrors.ERR_ARGUMENT("--days is a number up to 365");
    await withClient(io, globals, async (client) => {
      const rooms = (options.room ?? []).map((wanted) => findRoom(client, wanted));
      const orgRole: Role = rooms.length === 0 ? role : "user";
      const org: ScopeRef = { kind: "org" };
      const invited = await client.org.invite({
        grants: [
          { scope: org, role: orgRole },
          ...rooms.map((room) => ({ scope: { kind: "room", room } as const, role })),
        ],
        expiresInMs: days * DAY_MS,
      });
      printResult(io, globals, {
        json: { invite: invited.id, invitation: invited.text },
        text: [
          invited.text,
          "",
          "Hand it over by a way that you trust: whoever has it first is let in, once.",
        ].join("\n"),
      });
    });
  });
}

function addJoin({ program, io }: CommandContext): void {
  withExamples(
    program
      .command("join <invitation>")
      .helpGroup("You:")
      .description("accept an invitation; makes a new profile. `-` reads it from standard input")
      .requiredOption("--as <person>", "your name, as rooms will show it"),
    "join --as Bob -                     (then paste it: it stays out of the process list)",
    "join --as Bob - < invitation.txt",
    "join --as Bob cloister-invite:v1#…",
  ).action(async (invitation: string, options: { as: string }, command) => {
    const globals = globalsOf(command);
    const text = await readCode(io, invitation);
    await using profile = await makeProfile(io, globals);
    const accepted = setup.acceptInvitation(profile.ports, {
      invitation: text.trim(),
      personName: options.as,
    });
    const identity = await patiently(io, "registering with the org", accepted);
    printResult(io, globals, {
      json: identity,
      text: `You are in ${printableLine(identity.orgName)} as ${identity.personName}. Your rooms: cloister whoami`,
    });
  });
}

function addRole({ program, io }: CommandContext): void {
  const role = program.command("role").description("give and take roles (owners)");
  const scoped = (verb: string, text: string) =>
    role
      .command(verb)
      .description(text)
      .option("--project <project>", "in this project")
      .option("--room <room>", "in this room: membership");
  withExamples(
    scoped("grant <person> <role>", "give a role: user or owner"),
    "role grant Bob user --room sources",
    "role grant Carol owner",
  ).action(
    async (...[person, given, options, command]: [string, string, ScopeOptions, Command]) => {
      await setRole({ person, role: parseRole(given), options, command });
    },
  );
  withExamples(
    scoped("revoke <person>", "take the role away"),
    "role revoke Bob --room sources",
  ).action(async (person: string, options: ScopeOptions, command) => {
    await setRole({ person, role: undefined, options, command });
  });
  const setRole = async (change: {
    readonly person: string;
    readonly role: Role | undefined;
    readonly options: ScopeOptions;
    readonly command: Parameters<typeof globalsOf>[0];
  }): Promise<void> => {
    const globals = globalsOf(change.command);
    await withClient(io, globals, async (client) => {
      const account = findAccount(client, change.person);
      const scope = findScope(client, change.options);
      await client.org.setRole({ scope, account, role: change.role });
      const text = `${change.person}: ${change.role ?? "no role"} in ${scopeText(change.options)}`;
      printResult(io, globals, { json: { account, scope, role: change.role ?? null }, text });
    });
  };
}

function scopeText({ project, room }: ScopeOptions): string {
  return room ?? project ?? "the org";
}

export function parseRole(text: string): Role {
  if (text === "user" || text === "owner") return text;
  throw cliErrors.ERR_ARGUMENT("a role is user or owner");
}
