import { setup } from "@cloister/client-core";
import { parseClaim } from "@cloister/deploy";
import { formatTable, printResult } from "../output.ts";
import { patiently } from "../patience.ts";
import { findProject } from "../resolve.ts";
import { catchUp, makeProfile, withClient } from "../session.ts";
import { phaseText } from "../states.ts";
import { readCode } from "../stdin.ts";
import { type CommandContext, globalsOf, withExamples } from "./command-context.ts";
import { openRoom } from "./messages.ts";

/** `org`, `project` and `room`: what an owner makes. */
export function addOrgCommands({ program, io }: CommandContext): void {
  const org = program.command("org").description("found an org, look at yours");
  withExamples(
    org
      .command("create <name>")
      .description("found an org with the claim code of a new server; makes a new profile")
      .requiredOption(
        "--claim <code>",
        "what `server init` or `server claim` printed; `-`: standard input",
      )
      .requiredOption("--as <person>", "your name, as rooms will show it"),
    'org create "Acme" --as Alice --claim -     (then paste it: it stays out of the process list)',
    'org create "Acme" --as Alice --claim cloister-claim:https://…',
  ).action(async (name: string, options: { claim: string; as: string }, command) => {
    const globals = globalsOf(command);
    const claim = parseClaim(await readCode(io, options.claim));
    await using profile = await makeProfile(io, globals);
    const founding = setup.createOrg(profile.ports, {
      gatewayUrl: claim.gatewayUrl,
      caSha256: claim.caSha256,
      claimSecret: claim.secret,
      orgName: name,
      personName: options.as,
    });
    const created = await patiently(io, "founding the org", founding);
    const { recovery, ...identity } = created;
    printResult(io, globals, {
      json: { ...identity, recovery },
      text: [
        `${name} is founded. You are its owner, ${options.as}.`,
        `  org id        ${created.orgId}`,
        `  recovery key  ${recovery.secretText}`,
        "Write the recovery key down and keep it off every computer: it is shown this once, and it",
        "alone can replace the owners if all their devices are lost.",
      ].join("\n"),
    });
  });
  withExamples(org.command("list").description("the org of this profile"), "org list").action(
    async (_options, command) => {
      const globals = globalsOf(command);
      await withClient(io, { ...globals, mayBeOffline: true }, async (client) => {
        printResult(io, globals, {
          json: { orgId: client.orgId, name: client.org.name },
          text: formatTable([[client.org.name, client.orgId]]),
        });
      });
    },
  );
  addProjectCommands({ program, io });
  addRoomCommands({ program, io });
}

function addProjectCommands({ program, io }: CommandContext): void {
  const project = program.command("project").description("projects of the org");
  withExamples(
    project.command("create <name>").description("make a project (owners)"),
    'project create "Newsdesk"',
  ).action(async (name: string, _options, command) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const id = await client.org.createProject(name);
      printResult(io, globals, { json: { project: id, name }, text: `${name}  ${id}` });
    });
  });
  withExamples(
    project.command("list").description("projects, and your role in each"),
    "project list",
  ).action(async (_options, command) => {
    const globals = globalsOf(command);
    await withClient(io, { ...globals, mayBeOffline: true }, async (client) => {
      const projects = client.org.projects();
      printResult(io, globals, {
        json: { projects },
        text: formatTable(projects.map(({ name, role, id }) => [name, role ?? "-", id])),
      });
    });
  });
}

function addRoomCommands({ program, io }: CommandContext): void {
  const room = program.command("room").description("rooms of your projects");
  withExamples(
    room
      .command("create <name>")
      .description("make a room and join it (owners)")
      .requiredOption("--project <project>", "the project it belongs to"),
    "room create sources --project Newsdesk",
  ).action(async (name: string, options: { project: string }, command) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const project = findProject(client, options.project);
      const id = await client.org.createRoom({ project, name });
      printResult(io, globals, { json: { room: id, name, project }, text: `${name}  ${id}` });
    });
  });
  withExamples(
    room.command("list").description("rooms you have a role in, and how each stands"),
    "room list",
  ).action(async (_options, command) => {
    const globals = globalsOf(command);
    await withClient(io, { ...globals, mayBeOffline: true }, async (client) => {
      await catchUp(io, client);
      const rooms = client.rooms();
      printResult(io, globals, {
        json: { rooms },
        text: formatTable(
          rooms.map(({ id, name, role, phase }) => [
            name ?? "-",
            role ?? "-",
            phaseText(client, phase),
            id,
          ]),
        ),
      });
    });
  });
  withExamples(
    room
      .command("key <room>")
      .description("the room's public key (MLS GroupInfo and tree), once its policy is satisfied"),
    "room key sources",
  ).action(async (wanted: string, _options, command) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const opened = await openRoom(io, client, wanted);
      const key = await opened.roomKey();
      const groupInfo = Buffer.from(key.groupInfo).toString("base64url");
      printResult(io, globals, {
        json: key,
        text: `epoch ${key.epoch}\ngroup-info ${groupInfo}\ntree ${key.ratchetTree.length} bytes`,
      });
    });
  });
}
