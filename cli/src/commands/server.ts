import { homedir } from "node:os";
import { join } from "node:path";
import { parseUtf8 } from "@cloister/base";
import {
  initServer,
  issueServerClaim,
  runServer,
  type ServerStatus,
  serverStatus,
  startServer,
  stopServer,
} from "@cloister/deploy";
import { cliErrors } from "../errors.ts";
import type { Io } from "../io.ts";
import { formatTable, printResult } from "../output.ts";
import { patiently } from "../patience.ts";
import { type CommandContext, globalsOf, withExamples } from "./command-context.ts";

interface HomeOption {
  readonly home?: string;
}

interface InitOptions extends HomeOption {
  readonly host: string;
  readonly listen?: string;
  readonly gatewayPort: string;
  readonly natsPort: string;
  readonly webSocketPort: string;
  readonly operator: string;
}

/** `server`: one box that lasts. */
export function addServerCommands({ program, io }: CommandContext): void {
  const server = program.command("server").description("run a box: accounts, gateway, relay");
  const withHome = (command: typeof server) =>
    command.option("--home <folder>", "where the box keeps everything");
  const verb = (name: string, text: string) =>
    withExamples(withHome(server.command(name).description(text)), `server ${name}`);
  withExamples(
    withHome(
      server.command("init").description("make a new box, offline; prints a claim code once"),
    )
      .option("--host <name>", "name or address that clients reach it by", "127.0.0.1")
      .option("--listen <address>", "address to listen on; loopback unless --host is another")
      .option("--gateway-port <port>", "0: a free one", "0")
      .option("--nats-port <port>", "0: a free one", "0")
      .option("--web-socket-port <port>", "0: a free one", "0")
      .option("--operator <name>", "whose box it is", "operator"),
    "server init",
    "server init --host chat.example.org --listen 0.0.0.0 --gateway-port 443 --nats-port 4222",
  ).action(async (options: InitOptions, command) => {
    const globals = globalsOf(command);
    let operatorRoot = "";
    const made = await initServer({
      home: homeOf(io, options),
      host: options.host,
      listenHost: options.listen ?? (options.host === "127.0.0.1" ? "127.0.0.1" : "0.0.0.0"),
      gatewayPort: parsePort(options.gatewayPort),
      natsPort: parsePort(options.natsPort),
      webSocketPort: parsePort(options.webSocketPort),
      operatorName: options.operator,
      now: Date.now(),
      keepOperatorRoot: async (seed) => {
        operatorRoot = seed.expose(parseUtf8);
        if (!globals.json) io.stdout.write(`${rootText(operatorRoot)}\n`);
      },
    });
    printResult(io, globals, {
      json: { ...made, operatorRoot },
      text: [
        `The box is made in ${made.home}; its gateway will be ${made.gatewayUrl}.`,
        "",
        `claim code  ${made.claim}`,
        "It founds one org, once:",
        "  cloister server start",
        `  cloister org create "Acme" --as Alice --claim -   (then paste the code)`,
      ].join("\n"),
    });
  });
  verb("start", "start every role, wait until all are ready").action(
    async (options: HomeOption, command) => {
      const status = await patiently(
        io,
        "starting nats-server, accounts, gateway and relay",
        startServer(homeOf(io, options), {
          signal: io.signal,
          onProgress: (text) => io.stderr.write(`${text}\n`),
        }),
      );
      printResult(io, globalsOf(command), { json: status, text: statusText(status) });
    },
  );
  verb("run", "the same in the foreground, for a supervisor of yours").action(
    async (options: HomeOption) => {
      await runServer(homeOf(io, options), { signal: io.signal });
    },
  );
  verb("stop", "stop every role, in order").action(async (options: HomeOption, command) => {
    await stopServer(homeOf(io, options));
    printResult(io, globalsOf(command), { json: { stopped: true }, text: "stopped" });
  });
  verb("status", "each role: state, process, restarts, log").action(
    async (options: HomeOption, command) => {
      const status = await serverStatus(homeOf(io, options));
      printResult(io, globalsOf(command), { json: status, text: statusText(status) });
    },
  );
  verb("claim", "print a further claim code: one more org").action(
    async (options: HomeOption, command) => {
      const claim = await issueServerClaim(homeOf(io, options));
      printResult(io, globalsOf(command), { json: { claim }, text: claim });
    },
  );
}

function rootText(seed: string): string {
  return [
    `operator root key  ${seed}`,
    "Keep it off this box: it is shown this once and not stored. It replaces the operator's signing",
    "key if that is ever stolen.",
    "",
  ].join("\n");
}

function homeOf(io: Io, { home }: HomeOption): string {
  const data = io.environment["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state");
  return home ?? io.environment["CLOISTER_SERVER_HOME"] ?? join(data, "cloister-server");
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw cliErrors.ERR_ARGUMENT("a port is a number from 0 to 65535");
}

function statusText(status: ServerStatus): string {
  const rows = status.roles.map(({ name, state, pid, restarts, logFile }) => [
    name,
    state,
    pid === undefined ? "-" : String(pid),
    `${restarts} restarts`,
    logFile,
  ]);
  return `gateway  ${status.gatewayUrl}\nnats     ${status.natsUrls.join(" ")}\n\n${formatTable(rows)}`;
}
