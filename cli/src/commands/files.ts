import { resolve } from "node:path";
import type { FileInfo, Room, SentMessage } from "@cloister/client-core";
import { DiskFileSink, DiskFileSource } from "@cloister/client-node";
import type { Command } from "commander";
import { cliErrors } from "../errors.ts";
import type { Io } from "../io.ts";
import { formatBytes, formatTable, printableLine, printResult } from "../output.ts";
import { patiently } from "../patience.ts";
import { ProgressBar } from "../progress.ts";
import { findByName } from "../resolve.ts";
import { withClient } from "../session.ts";
import { type CommandContext, globalsOf, parseSeconds, withExamples } from "./command-context.ts";
import { openRoom, tellSent } from "./messages.ts";

/** `file send|get|list`. Both directions go on where they were cut. */
export function addFileCommands(context: CommandContext): void {
  const file = context.program.command("file").description("files of a room");
  addFileSend(file, context);
  addFileGet(file, context);
  addFileList(file, context);
}

type Commands = CommandContext["program"];

function addFileSend(file: Commands, { io }: CommandContext): void {
  withExamples(
    file
      .command("send <room> <path>")
      .description("send a file; a cut upload goes on when the same file is sent again")
      .option("--wait <seconds>", "how long to wait until its message is stored", "30"),
    "file send sources report.pdf",
  ).action(
    async (...[wanted, path, options, command]: [string, string, { wait: string }, Command]) => {
      const globals = globalsOf(command);
      const waitMs = parseSeconds(options.wait) * 1000;
      await using source = await DiskFileSource.open(path);
      await withClient(io, globals, async (client) => {
        const room = await openRoom(io, client, wanted);
        const sent = await upload(io, room, source);
        await tellSent({
          io,
          globals,
          client,
          room,
          sent,
          waitMs,
          json: fileJson(sent.file),
          text: `${printableLine(sent.file.name)}  ${formatBytes(sent.file.lengthBytes)}  ${sent.file.id}`,
        });
      });
    },
  );
}

async function upload(
  io: Io,
  room: Room,
  source: DiskFileSource,
): Promise<SentMessage & { readonly file: FileInfo }> {
  using bar = new ProgressBar(io, printableLine(source.name));
  return await room.sendFile(source, {
    signal: io.signal,
    onProgress: (progress) => bar.update(progress),
  });
}

function addFileGet(file: Commands, { io }: CommandContext): void {
  withExamples(
    file
      .command("get <room> <file>")
      .description("get a file by id or name; a cut download goes on")
      .option("--output <path>", "where it goes; its own name in this folder without"),
    "file get sources report.pdf --output /tmp/report.pdf",
  ).action(
    async (...[wanted, name, options, command]: [string, string, { output?: string }, Command]) => {
      const globals = globalsOf(command);
      await withClient(io, globals, async (client) => {
        const room = await openRoom(io, client, wanted);
        const info = await findFile(io, room, name);
        const path = resolve(options.output ?? safeName(info.name));
        await using sink = await DiskFileSink.open(path, info.id);
        const got = await download(io, { room, info, sink });
        printResult(io, globals, {
          json: { path, ...fileJson(got) },
          text: `${path}  ${formatBytes(got.lengthBytes)}, hash right`,
        });
      });
    },
  );
}

async function findFile(io: Io, room: Room, wanted: string): Promise<FileInfo> {
  await patiently(io, "reading what has come", room.caughtUp());
  const known = await room.files();
  const id = findByName("file", known, wanted);
  const info = known.find((file) => file.id === id);
  if (info === undefined) throw cliErrors.ERR_NAME_UNKNOWN(`no file is called ${wanted}`);
  return info;
}

async function download(
  io: Io,
  {
    room,
    info,
    sink,
  }: { readonly room: Room; readonly info: FileInfo; readonly sink: DiskFileSink },
): Promise<FileInfo> {
  using bar = new ProgressBar(io, printableLine(info.name));
  return await room.getFile(info.id, sink, {
    signal: io.signal,
    onProgress: (progress) => bar.update(progress),
  });
}

function addFileList(file: Commands, { io }: CommandContext): void {
  withExamples(
    file.command("list <room>").description("files that were sent into the room since you joined"),
    "file list sources",
  ).action(async (wanted: string, _options, command) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const room = await openRoom(io, client, wanted);
      await patiently(io, "reading what has come", room.caughtUp());
      const files = await room.files();
      const rows = files.map(({ name, lengthBytes, id }) => [name, formatBytes(lengthBytes), id]);
      printResult(io, globals, {
        json: { files: files.map(fileJson) },
        text: formatTable(rows),
      });
    });
  });
}

function fileJson({ sha256, ...info }: FileInfo): object {
  return { ...info, sha256: Buffer.from(sha256).toString("hex") };
}

/** A sender chooses the name; it must not choose the folder, nor hide. */
export function safeName(name: string): string {
  const last = printableLine(name).split(/[/\\]/).at(-1) ?? "";
  const visible = last.replace(/^\.+/, "").trim();
  return visible === "" ? "file" : visible;
}
