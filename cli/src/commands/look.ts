import { type DeviceId, shortId } from "@cloister/base";
import type { Client, RoomStatus } from "@cloister/client-core";
import { formatTable, printableLine, printResult } from "../output.ts";
import { catchUp, withClient } from "../session.ts";
import { phaseText } from "../states.ts";
import { type CommandContext, globalsOf, withExamples } from "./command-context.ts";

/** `whoami`, `device` and `log`: what is so. */
export function addLookCommands({ program, io }: CommandContext): void {
  withExamples(
    program
      .command("whoami")
      .description("who you are, and the tree of org, projects and rooms with your roles"),
    "whoami",
    "whoami --json | jq .projects",
  ).action(async (_options, command) => {
    const globals = globalsOf(command);
    await withClient(io, { ...globals, mayBeOffline: true }, async (client) => {
      await catchUp(io, client);
      printResult(io, globals, { json: whoamiJson(client), text: whoamiText(client) });
    });
  });
  const device = program.command("device").description("devices of your account");
  withExamples(
    device.command("list").description("your devices, and which is this one"),
    "device list",
  ).action(async (_options, command) => {
    const globals = globalsOf(command);
    await withClient(io, { ...globals, mayBeOffline: true }, async (client) => {
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
  withExamples(
    program.command("log").description("the org's log of statements, verified on this device"),
    "log",
  ).action(async (_options, command) => {
    const globals = globalsOf(command);
    await withClient(io, { ...globals, mayBeOffline: true }, async (client) => {
      const lines = client.org.log();
      const names = namesOfDevices(client);
      printResult(io, globals, {
        json: { entries: lines },
        text: formatTable(
          lines.map(({ position, time, kind, device: by, text }) => [
            String(position),
            new Date(time).toISOString(),
            kind.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
            by === undefined ? firstText(position, text) : `by ${names.get(by) ?? shortId(by)}`,
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
    `${printableLine(client.personName)}  ${client.accountId}`,
    `device  ${client.deviceId}`,
    `state   ${state.kind}${"reason" in state ? ` (${state.reason})` : ""}`,
    "",
    `${printableLine(client.org.name)}  (${orgRole(client) ?? "no role"})`,
  ];
  for (const project of client.org.projects()) {
    const rooms = client.rooms().filter((room) => room.project === project.id);
    lines.push(
      `  ${printableLine(project.name)}${project.role === undefined ? "" : `  (${project.role})`}`,
    );
    lines.push(...rooms.map((room) => roomLine(client, room)));
  }
  return lines.join("\n");
}

function roomLine(client: Client, room: RoomStatus): string {
  const name = printableLine(room.name ?? shortId(room.id));
  const queued = room.queuedMessages > 0 ? `, ${room.queuedMessages} queued` : "";
  return `    ${name}  (${room.role ?? "no role"}; ${phaseText(client, room.phase)}${queued})`;
}

/** Only the founding says more than its kind. */
function firstText(position: bigint, text: string): string {
  return position === 0n ? text : "by themselves";
}

/** The person behind each device, as far as a name is known. */
function namesOfDevices(client: Client): ReadonlyMap<DeviceId, string> {
  const known = client.org
    .members()
    .flatMap(({ name, devices }) =>
      name === undefined ? [] : devices.map(({ device }) => [device, name] as const),
    );
  return new Map(known);
}

function orgRole(client: Client): string | undefined {
  return client.org.members().find(({ account }) => account === client.accountId)?.role;
}
