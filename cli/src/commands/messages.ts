import { setTimeout as delay } from "node:timers/promises";
import { exitCodeOf } from "@cloister/base";
import type { Client, MessageState, Room, RoomMessage } from "@cloister/client-core";
import { cliErrors } from "../errors.ts";
import type { GlobalOptions, Io } from "../io.ts";
import { formatBytes, jsonLine, printable, printResult } from "../output.ts";
import { readMark, writeMark } from "../read-marks.ts";
import { findRoom } from "../resolve.ts";
import { profileOf, withClient } from "../session.ts";
import { type CommandContext, globalsOf, withExamples } from "./command-context.ts";

/** `send`, `read`, `listen`. */
export function addMessageCommands(context: CommandContext): void {
  addSend(context);
  addRead(context);
  addListen(context);
}

function addSend({ program, io }: CommandContext): void {
  withExamples(
    program
      .command("send <room> [text...]")
      .description("write into a room; without text, or with `-`, standard input is sent")
      .option("--wait <seconds>", "how long to wait until the server has it", "30"),
    "send sources Meet at nine",
    "echo hello | cloister send sources",
  ).action(async (wanted: string, words: string[], options: { wait: string }, command) => {
    const globals = globalsOf(command);
    const text = words.length === 0 || words[0] === "-" ? await readStdin(io) : words.join(" ");
    await withClient(io, globals, async (client) => {
      const room = await client.room(findRoom(client, wanted));
      const sent = await room.send(text);
      const waitMs = Number(options.wait) * 1000;
      await Promise.race([sent.stored, delay(waitMs, undefined, { signal: io.signal })]);
      const state = room.messageState(sent.id) ?? { kind: "queued" };
      printResult(io, globals, {
        json: { message: sent.id, state },
        text: stateText(client, state),
      });
      if (state.kind !== "stored") process.exitCode = exitCodeOf("Timeout");
    });
  });
}

/** Whom or what a message waits for, in words. */
export function stateText(client: Client, state: MessageState): string {
  switch (state.kind) {
    case "queued":
      return "queued on this device";
    case "stored":
      return state.resent ? "stored (resent)" : "stored";
    case "waiting":
      return `queued, waiting: ${waitText(client, state.reason)}`;
    default:
      return state satisfies never;
  }
}

function waitText(
  client: Client,
  reason: Extract<MessageState, { kind: "waiting" }>["reason"],
): string {
  switch (reason.kind) {
    case "offline":
      return "no connection";
    case "not-admitted":
      return printable(reason.hint);
    case "confirmation":
      return `one of ${namesOf(client, reason.accounts)} must come online once to confirm you`;
    case "stream-full":
      return "the server has no space left; tell its operator";
    case "catching-up":
      return "reading what came before";
    default:
      return reason satisfies never;
  }
}

function namesOf(client: Client, accounts: readonly string[]): string {
  const names = new Map(client.org.members().map(({ account, name }) => [String(account), name]));
  return accounts
    .map((account) => printable(names.get(account) ?? account.slice(0, 13)))
    .join(", ");
}

function addRead({ program, io }: CommandContext): void {
  withExamples(
    program
      .command("read <room>")
      .description("what has come since you last read")
      .option("--all", "everything this device has"),
    "read sources",
    "read sources --all --json",
  ).action(async (wanted: string, options: { all?: true }, command) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const room = await client.room(findRoom(client, wanted));
      await room.caughtUp();
      const profile = profileOf(io, globals);
      const after = options.all === true ? undefined : await readMark(profile, room.id);
      await showMessages({ io, globals, room, after, live: false });
    });
  });
}

function addListen({ program, io }: CommandContext): void {
  withExamples(
    program.command("listen <room>").description("show what comes, as it comes; ends with Ctrl-C"),
    "listen sources",
    "listen sources --json | jq .text",
  ).action(async (wanted: string, _options, command) => {
    const globals = globalsOf(command);
    await withClient(io, globals, async (client) => {
      const room = await client.room(findRoom(client, wanted));
      const after = await readMark(profileOf(io, globals), room.id);
      await showMessages({ io, globals, room, after, live: true });
    });
  });
}

interface ShowOptions {
  readonly io: Io;
  readonly globals: GlobalOptions;
  readonly room: Room;
  readonly after: string | undefined;
  readonly live: boolean;
}

async function showMessages({ io, globals, room, after, live }: ShowOptions): Promise<void> {
  const profile = profileOf(io, globals);
  const messages = room.messages({ after, live, signal: io.signal });
  for await (const message of messages) {
    const line = globals.json ? jsonLine(messageJson(message)) : messageText(message);
    io.stdout.write(`${line}\n`);
    await writeMark(profile, room.id, message.position);
  }
}

function messageText(message: RoomMessage): string {
  const time = new Date(message.sentAt).toISOString().slice(0, 16).replace("T", " ");
  const who = printable(message.personName ?? message.account.slice(0, 13));
  return `${time}  ${who}: ${bodyText(message.body)}`;
}

function bodyText(body: RoomMessage["body"]): string {
  switch (body.kind) {
    case "text":
      return printable(body.text);
    case "file":
      return `[file] ${printable(body.file.name)}, ${formatBytes(body.file.lengthBytes)}, ${body.file.id}`;
    case "unknown":
      return "[something that a newer version wrote: update this program]";
    default:
      return body satisfies never;
  }
}

function messageJson({ body, ...message }: RoomMessage): object {
  return { ...message, ...body };
}

async function readStdin(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    const piece = Buffer.from(chunk as Uint8Array);
    bytes += piece.length;
    if (bytes > 400_000) {
      throw cliErrors.ERR_ARGUMENT("a message has at most 400,000 bytes; send a file instead");
    }
    chunks.push(piece);
  }
  return Buffer.concat(chunks).toString("utf8").replace(/\n$/, "");
}
