import type { Client, Room, SentMessage } from "@cloister/client-core";
import type { Command } from "commander";
import { cliErrors } from "../errors.ts";
import type { GlobalOptions, Io } from "../io.ts";
import { messageJson, messageText } from "../message-text.ts";
import { jsonLine, printResult } from "../output.ts";
import { isDoneWithin, patiently } from "../patience.ts";
import { readMark, writeMark } from "../read-marks.ts";
import { findRoom } from "../resolve.ts";
import { profileOf, withClient } from "../session.ts";
import { stateText } from "../states.ts";
import { MAX_STDIN_TEXT_BYTES, readStdin } from "../stdin.ts";
import { type CommandContext, globalsOf, parseSeconds, withExamples } from "./command-context.ts";

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
  ).action(
    async (...[wanted, words, options, command]: [string, string[], { wait: string }, Command]) => {
      const globals = globalsOf(command);
      const waitMs = parseSeconds(options.wait) * 1000;
      const text = words.length === 0 || words[0] === "-" ? await readText(io) : words.join(" ");
      await withClient(io, { ...globals, mayBeOffline: true }, async (client) => {
        const room = await openRoom(io, client, wanted);
        const sent = await room.send(text);
        await tellSent({ io, globals, client, room, sent, waitMs, json: {}, text: "" });
      });
    },
  );
}

async function readText(io: Io): Promise<string> {
  const text = await readStdin(io, MAX_STDIN_TEXT_BYTES);
  if (text === "") throw cliErrors.ERR_ARGUMENT("there is nothing to send");
  return text;
}

/** A room by name; says what it does where that takes time. */
export async function openRoom(io: Io, client: Client, wanted: string): Promise<Room> {
  return await patiently(io, `joining ${wanted}`, client.room(findRoom(client, wanted)));
}

export interface Sent {
  readonly io: Io;
  readonly globals: GlobalOptions;
  readonly client: Client;
  readonly room: Room;
  readonly sent: SentMessage;
  readonly waitMs: number;
  readonly json: object;
  /** Goes before the state, if not empty. */
  readonly text: string;
}

/** Waits for the server's receipt and prints how far it came; throws `ERR_NOT_STORED` without one. */
export async function tellSent(told: Sent): Promise<void> {
  const { io, globals, client, room, sent } = told;
  const isOnline = client.state().kind === "online";
  if (isOnline) await isDoneWithin(patiently(io, "sending", sent.stored), told.waitMs);
  const state = room.messageState(sent.id) ?? { kind: "queued" };
  const words = stateText(client, state);
  printResult(io, globals, {
    json: { message: sent.id, state, ...told.json },
    text: told.text === "" ? words : `${told.text}  ${words}`,
  });
  if (state.kind !== "stored") throw cliErrors.ERR_NOT_STORED("the server does not have it yet");
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
    await withClient(io, { ...globals, mayBeOffline: true }, async (client) => {
      const room = await openRoom(io, client, wanted);
      const after =
        options.all === true ? undefined : await readMark(profileOf(io, globals), room.id);
      const shown = await showMessages({ io, globals, room, after, live: false });
      if (shown === 0 && !globals.json) io.stderr.write("nothing new\n");
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
      const room = await openRoom(io, client, wanted);
      const after = await readMark(profileOf(io, globals), room.id);
      if (io.stderr.isTTY === true) io.stderr.write(`listening to ${wanted}; Ctrl-C ends it\n`);
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

/** Answers with how many were shown. */
async function showMessages({ io, globals, room, after, live }: ShowOptions): Promise<number> {
  const profile = profileOf(io, globals);
  let shown = 0;
  for await (const message of room.messages({ after, live, signal: io.signal })) {
    const line = globals.json ? jsonLine(messageJson(message)) : messageText(message);
    io.stdout.write(`${line}\n`);
    await writeMark(profile, room.id, message.position);
    shown += 1;
  }
  return shown;
}
