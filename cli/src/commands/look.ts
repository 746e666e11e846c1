import type { Client, RoomStatus } from "@cloister/client-core";
import { formatTable, printable, printResult } from "../output.ts";
import { withClient } from "../session.ts";
import { type CommandContext, globalsOf } from "./command-context.ts";

/** `whoami`, `device` and `log`: what is so. */
export function addLookCommands({ program, io }: CommandContext): void {
  program
    .command("whoami")
    .description("who you are, and the tree of org, projects and rooms with your roles")
    .action(async (_options, command) => {
      const globals = globalsOf(command);
      await withClient(io, globals, async (client) => {
        printResult(io, globals, { json: whoamiJson(client), text: whoamiText(client) });
      });
    });
  const device = program.command("device").description("devices of your account");
  device
    .command("list")
    .description("your devices, and which is this one")
    .action(async (_options, command) => {
      const globals = globalsOf(command);
      await withClient(io, globals, async (client) => {
        const mine = client.org.members().find(({ account }) => account === client.accountId);
        const devices = mine?.devices ?? [];
        printResult(io, globals, {
          json: { devices },
          text: formatTable(
            devices.map(({ device: id, revoked, own }) => [
              id,
              revoked ? "revoked" : "live",
              own ? "this device" : "",
            ]),
          ),
        });
      });
    });
  program
    .command("log")
    .description("the org's log of statements, verified on this device")
    .action(async (_options, command) => {
      const globals = globalsOf(command);
      await withClient(io, globals, async (client) => {
        const lines = client.org.log();
        printResult(io, globals, {
          json: { entries: lines },
          text: formatTable(
            lines.map(({ position, time, kind, text }) => [
              String(position),
              new Date(time).toISOString(),
              kind,
              printable(text),
            ]),
          ),
        });
      });
    });
}

function whoamiJson(client: Client): object {
  return {
    person: client.personName,
    account: client.accountId,
    device: client.deviceId,
    state: client.state(),
    org: { id: client.orgId, name: client.org.name, role: orgRole(client) },
    projects: client.org.projects().map((project) => ({
      ...project,
      rooms: client.rooms().filter((room) => room.project === project.id),
    })),
  };
}

function whoamiText(client: Client): string {
  const state = client.state();
  const lines = [
    `${printable(client.personName)}  ${client.accountId}`,
    `device  ${client.deviceId}`,
    `state   ${state.kind}${"reason" in state ? ` (${state.reason})` : ""}`,
    "",
    `${printable(client.org.name)}  (${orgRole(client) ?? "no role"})`,
  ];
  for (const project of client.org.projects()) {
    const rooms = client.rooms().filter((room) => room.project === project.id);
    lines.push(
      `  ${printable(project.name)}${project.role === undefined ? "" : `  (${project.role})`}`,
    );
    lines.push(...rooms.map(roomLine));
  }
  return lines.join("\n");
}

function roomLine(room: RoomStatus): string {
  const name = printable(room.name ?? room.id.slice(0, 13));
  const queued = room.queuedMessages > 0 ? `, ${room.queuedMessages} queued` : "";
  return `    ${name}  (${room.role ?? "no role"}; ${room.phase.kind}${queued})`;
}

function orgRole(client: Client): string | undefined {
  return client.org.members().find(({ account }) => account === client.accountId)?.role;
}
