import { resolve } from "node:path";
import { parseFileId } from "@cloister/base";
import type { FileInfo } from "@cloister/client-core";
import { DiskFileSink, DiskFileSource } from "@cloister/client-node";
import { formatBytes, formatTable, printable, printResult } from "../output.ts";
import { ProgressBar } from "../progress.ts";
import { findByName, findRoom } from "../resolve.ts";
import { withClient } from "../session.ts";
import { type CommandContext, globalsOf, withExamples } from "./command-context.ts";

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
      .description("send a file; a cut upload goes on when the same file is sent again"),
    "file send sources report.pdf",
  ).action(async (wanted: string, path: string, _options, command) => {
    const globals = globalsOf(command);
    await using source = await DiskFileSource.open(path);
    await withClient(io, globals, async (client) => {
      const room = await client.room(findRoom(client, wanted));
      using bar = new ProgressBar(io, source.name);
      const sent = await room.sendFile(source, {
        signal: io.signal,
        onProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
      });
      await sent.stored;
      printResult(io, globals, {
        json: { message: sent.id, ...fileJson(sent.file) },
        text: `${sent.file.name}  ${formatBytes(sent.file.lengthBytes)}  ${sent.file.id}`,
      });
    });
  });
}

function addFileGet(file: Commands, { io }: CommandContext): void {
  withExamples(
    file
      .command("get <room> <file>")
      .description("get a file by id or name; a cut download goes on")
      .option("--output <path>", "where it goes; its own name in this folder without"),
    "file get sources report.pdf --output /tmp/report.pdf",
  ).action(async (wanted: string, name: string, options: { output?: string }, command) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const room = await client.room(findRoom(client, wanted));
      await room.caughtUp();
      const known = await room.files();
      const id = parseFileId(findByName("file", known, name));
      const info = known.find((entry) => entry.id === id);
      const path = resolve(options.output ?? safeName(info?.name ?? id));
      await using sink = await DiskFileSink.open(path, id);
      using bar = new ProgressBar(io, info?.name ?? id);
      const got = await room.getFile(id, sink, {
        signal: io.signal,
        onProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
      });
      printResult(io, globals, {
        json: { path, ...fileJson(got) },
        text: `${path}  ${formatBytes(got.lengthBytes)}, hash right`,
      });
    });
  });
}

function addFileList(file: Commands, { io }: CommandContext): void {
  file
    .command("list <room>")
    .description("files that were sent into the room since you joined")
    .action(async (wanted: string, _options, command) => {
      const globals = globalsOf(command);
      await withClient(io, globals, async (client) => {
        const room = await client.room(findRoom(client, wanted));
        await room.caughtUp();
        const files = await room.files();
        printResult(io, globals, {
          json: { files: files.map(fileJson) },
          text: formatTable(
            files.map(({ name, lengthBytes, id }) => [
              printable(name),
              formatBytes(lengthBytes),
              id,
            ]),
          ),
        });
      });
    });
}

function fileJson({ sha256, ...info }: FileInfo): object {
  return { ...info, sha256: Buffer.from(sha256).toString("hex") };
}

/** A sender chooses the name; it must not choose the folder, nor hide. */
export function safeName(name: string): string {
  const last = printable(name).split(/[/\\]/).at(-1) ?? "";
  const visible = last.replace(/^\.+/, "").trim();
  return visible === "" ? "file" : visible;
}
