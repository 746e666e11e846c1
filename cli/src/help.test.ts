import { PassThrough } from "node:stream";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { type Io, run } from "./index.ts";
import { createProgram } from "./program.ts";

interface SilentIo {
  readonly io: Io;
  readonly out: () => string;
  readonly err: () => string;
}

function silentIo(): SilentIo {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const io: Io = {
    stdin: new PassThrough(),
    stdout: out,
    stderr: err,
    environment: {},
    signal: new AbortController().signal,
  };
  return { io, out: () => allOf(out), err: () => allOf(err) };
}

function allOf(stream: PassThrough): string {
  let text = "";
  const next = (): Buffer | null => stream.read() as Buffer | null;
  for (let chunk = next(); chunk !== null; chunk = next()) text += chunk.toString("utf8");
  return text;
}

function leavesOf(command: Command, path: readonly string[] = []): string[][] {
  const here = [...path, command.name()];
  const below = command.commands.filter((child) => child.name() !== "help");
  return below.length === 0 ? [here] : below.flatMap((child) => leavesOf(child, here));
}

async function helpOf(words: readonly string[]): Promise<string> {
  const { io, out } = silentIo();
  expect(await run([...words, "--help"], io)).toBe(0);
  return out();
}

const leaves = leavesOf(createProgram(silentIo().io, { json: false })).map(([, ...words]) => words);

describe("help", () => {
  it("knows every command", () => {
    expect(leaves.map((words) => words.join(" ")).sort()).toMatchInlineSnapshot(`
      [
        "device list",
        "factor add",
        "factor present",
        "file get",
        "file list",
        "file send",
        "invite",
        "join",
        "listen",
        "log",
        "member list",
        "member remove",
        "org create",
        "org list",
        "policy explain",
        "policy set",
        "project create",
        "project list",
        "read",
        "role grant",
        "role revoke",
        "room create",
        "room key",
        "room list",
        "send",
        "server claim",
        "server init",
        "server run",
        "server start",
        "server status",
        "server stop",
        "whoami",
      ]
    `);
  });

  it.each(leaves.map((words) => [words.join(" "), words] as const))(
    "%s ends with examples of itself",
    async (name, words) => {
      const help = await helpOf(words);
      const examples = help.slice(help.indexOf("Examples:")).split("\n").slice(1);
      expect(examples.filter((line) => line !== "").length).toBeGreaterThan(0);
      expect(examples.some((line) => line.includes(`cloister ${name}`))).toBe(true);
    },
  );

  it("is grouped, and says where passphrases come from and what exit codes mean", async () => {
    const help = await helpOf([]);
    for (const part of [
      "Rooms:",
      "You:",
      "Org (",
      "Box (",
      "CLOISTER_PASSPHRASE_FILE",
      "Exit codes",
    ])
      expect(help).toContain(part);
  });

  it("no option takes a passphrase", () => {
    const options = (command: Command): string[] => [
      ...command.options.map(({ flags }) => flags),
      ...command.commands.flatMap(options),
    ];
    const program = createProgram(silentIo().io, { json: false });
    expect(options(program).filter((flags) => /pass|secret|seed/i.test(flags))).toEqual([]);
  });

  it("a slip is a usage error that points to the help; for programs it is one line of JSON", async () => {
    const typed = silentIo();
    expect(await run(["sned", "room", "x"], typed.io)).toBe(64);
    expect(typed.err()).toMatch(/unknown command 'sned'[^]*--help/);
    const asked = silentIo();
    expect(await run(["sned", "room", "--json"], asked.io)).toBe(64);
    const line = asked.err();
    expect(line.trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(line)).toMatchObject({ error: { code: "ERR_ARGUMENT", kind: "Usage" } });
  });
});
