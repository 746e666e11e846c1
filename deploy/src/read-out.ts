import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetStreamKeyVariable, openJetStreamKey } from "@cloister/relay/nats-server";
import {
  freePort,
  openBox,
  resolveNatsServer,
  SupervisedChild,
  waitForNats,
} from "@cloister/server-kit";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { natsModuleDir, type ServerHome } from "./server-home.ts";

/** A stored message as whoever holds the box and its key sees it. */
export interface HeldMessage {
  readonly account: string;
  readonly stream: string;
  readonly subject: string;
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/**
 * Reads every stream of a stopped box as its holder can: a copy of the store under a nats-server of
 * its own on loopback, with the cipher's key and without any of the permissions. Answers with how
 * many messages there were.
 */
export async function readOutStreams(
  home: ServerHome,
  visit: (message: HeldMessage) => void,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "cloister-read-out-"));
  try {
    await cp(join(home.nats, "jetstream"), join(folder, "jetstream"), { recursive: true });
    await mkdir(join(folder, "jetstream", "jetstream"), { recursive: true });
    const accounts = await accountsIn(join(folder, "jetstream", "jetstream"));
    const password = randomBytes(24).toString("hex");
    const port = await freePort();
    await using _server = await startReader(home, { folder, accounts, password, port });
    let count = 0;
    for (const account of accounts) {
      await using connection = await login({ account, password, port });
      count += await readAccount(connection.nats, account, visit);
    }
    return count;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function accountsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => /^A[A-Z2-7]{55}$/.test(name));
}

interface Reader {
  readonly folder: string;
  readonly accounts: readonly string[];
  readonly password: string;
  readonly port: number;
}

async function startReader(home: ServerHome, reader: Reader): Promise<SupervisedChild> {
  const { folder, accounts, password, port } = reader;
  const configFile = join(folder, "reader.conf");
  const users = accounts.map(
    (account) =>
      `  ${account}: { jetstream: enabled, users: [{ user: ${account}, password: "${password}" }] }`,
  );
  const text = [
    `listen: "127.0.0.1:${port}"`,
    "jetstream {",
    `  store_dir: "${join(folder, "jetstream")}"`,
    "  cipher: aes",
    `  key: $${jetStreamKeyVariable}`,
    "}",
    "accounts {",
    ...users,
    "}",
    "",
  ].join("\n");
  await writeFile(configFile, text, { mode: 0o600 });
  using box = await openBox(home.folder);
  using key = await openJetStreamKey(home.nats, box);
  const binary = await resolveNatsServer({ moduleDir: natsModuleDir });
  const child = new SupervisedChild({
    name: "reader",
    program: binary.path,
    args: ["--config", configFile],
    environment: { [jetStreamKeyVariable]: key.expose((bytes) => Buffer.from(bytes).toString()) },
    sha256: binary.sha256,
    logFile: join(folder, "reader.log"),
    ready: (signal) => waitForNats({ host: "127.0.0.1", port }, signal),
  });
  await child.start();
  return child;
}

async function login(to: {
  readonly account: string;
  readonly password: string;
  readonly port: number;
}): Promise<AsyncDisposable & { readonly nats: NatsConnection }> {
  const nats = await connect({
    servers: `127.0.0.1:${to.port}`,
    user: to.account,
    pass: to.password,
  });
  return { nats, [Symbol.asyncDispose]: () => nats.close() };
}

async function readAccount(
  nats: NatsConnection,
  account: string,
  visit: (message: HeldMessage) => void,
): Promise<number> {
  const manager = await jetstreamManager(nats);
  let count = 0;
  for await (const { config, state } of manager.streams.list()) {
    if (state.messages === 0) continue;
    const consumer = await jetstream(nats).consumers.get(config.name);
    const messages = await consumer.consume();
    for await (const message of messages) {
      const header = Buffer.from(headerText(message.headers));
      const { subject, data: payload } = message;
      visit({ account, stream: config.name, subject, header, payload });
      count += 1;
      if (message.info.pending === 0) break;
    }
  }
  return count;
}

function headerText(headers: Iterable<[string, string[]]> | undefined): string {
  return headers === undefined
    ? ""
    : [...headers].map(([name, values]) => `${name}: ${values.join(", ")}\n`).join("");
}
