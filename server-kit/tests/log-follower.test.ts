import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OrgId, orgIdFromBytes } from "@cloister/base";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  freePort,
  LogFollower,
  type LogRules,
  type LogTrouble,
  resolveNatsServer,
} from "../src/index.ts";

const moduleDir = join(import.meta.dirname, "../../deploy/servers/nats");
const orgA = orgIdFromBytes(new Uint8Array(32).fill(1));
const orgB = orgIdFromBytes(new Uint8Array(32).fill(2));

/** Records are their position in decimal; "bad" breaks the rules. */
const countingRules: LogRules<readonly string[]> = {
  open: (_org, record) => next([], record),
  append: (replica, record) => next(replica, record),
  sizeOf: (replica) => replica.length,
};

function next(replica: readonly string[], record: Uint8Array): readonly string[] {
  const text = Buffer.from(record).toString();
  if (text !== String(replica.length)) throw new Error(`position ${replica.length} is not ${text}`);
  return [...replica, text];
}

class PlainServer implements AsyncDisposable {
  #child: ChildProcess | undefined;
  private readonly path: string;
  private readonly port: number;
  private readonly dir: string;

  constructor(at: { readonly path: string; readonly port: number; readonly dir: string }) {
    this.path = at.path;
    this.port = at.port;
    this.dir = at.dir;
  }

  get url(): string {
    return `127.0.0.1:${this.port}`;
  }

  start(): void {
    const args = ["-a", "127.0.0.1", "-p", String(this.port), "-js", "-sd", this.dir];
    this.#child = spawn(this.path, args, { stdio: "ignore" });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }
}

async function client(url: string) {
  return connect({
    servers: url,
    waitOnFirstConnect: true,
    reconnectTimeWait: 100,
    maxReconnectAttempts: -1,
  });
}

describe("LogFollower", () => {
  let server: PlainServer;
  let path: string;

  beforeEach(async () => {
    path = (await resolveNatsServer({ moduleDir })).path;
    const dir = await mkdtemp(join(tmpdir(), "log-follower-"));
    server = new PlainServer({ path, port: await freePort(), dir });
    server.start();
  }, 600_000);

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function writer() {
    const connection = await client(server.url);
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: "LOG", subjects: ["log.*"] });
    const js = jetstream(connection);
    const append = (org: OrgId, text: string) => js.publish(`log.${org}`, text);
    return { append, [Symbol.asyncDispose]: () => connection.close() };
  }

  async function follower(troubles: LogTrouble[] = []) {
    const connection = await client(server.url);
    const followed = new LogFollower({
      connection,
      rules: countingRules,
      onTrouble: (trouble) => troubles.push(trouble),
    });
    return {
      log: followed,
      [Symbol.asyncDispose]: async () => {
        await followed[Symbol.asyncDispose]();
        await connection.close();
      },
    };
  }

  it("replays what is there, then what comes", async () => {
    await using log = await writer();
    for (let position = 0; position < 600; position += 1) await log.append(orgA, String(position));
    await log.append(orgB, "0");
    await using reader = await follower();
    await reader.log.ready;
    expect(reader.log.replica(orgA)?.length).toBe(600);
    expect(reader.log.orgs()).toEqual([orgA, orgB]);
    const seen: OrgId[] = [];
    reader.log.onChange((change) => void seen.push(change.org));
    const waiting = reader.log.waitForSize(orgB, 2, { timeoutMs: 5_000 });
    await log.append(orgB, "1");
    expect((await waiting).length).toBe(2);
    expect(seen).toEqual([orgB]);
    const range = reader.log.records(orgA, { from: 598, max: 100 });
    expect(range.map((record) => Buffer.from(record).toString())).toEqual(["598", "599"]);
    expect(reader.log.records(orgA, { from: 2 ** 52, max: 1 })).toEqual([]);
  }, 30_000);

  it("is ready at once on an empty log, and knows no org", async () => {
    await using _log = await writer();
    await using reader = await follower();
    await reader.log.ready;
    expect(reader.log.replica(orgA)).toBeUndefined();
    await expect(reader.log.waitForSize(orgA, 1, { timeoutMs: 50 })).rejects.toMatchObject({
      code: "ERR_LOG_BEHIND",
    });
  }, 30_000);

  it("stops one org whose log breaks the rules, and no other", async () => {
    const troubles: LogTrouble[] = [];
    await using log = await writer();
    await using reader = await follower(troubles);
    await log.append(orgA, "0");
    await log.append(orgA, "7");
    await log.append(orgA, "1");
    await log.append(orgB, "0");
    await reader.log.waitForSize(orgB, 1, { timeoutMs: 5_000 });
    expect(() => reader.log.replica(orgA)).toThrowError(
      expect.objectContaining({ code: "ERR_LOG_REFUSED" }),
    );
    expect(troubles.filter((trouble) => trouble.org === orgA)).toHaveLength(1);
  }, 30_000);

  it("keeps what it knows while nats-server is gone, and goes on after a kill -9", async () => {
    await using log = await writer();
    for (let position = 0; position < 10; position += 1) await log.append(orgA, String(position));
    await using reader = await follower();
    await reader.log.ready;
    await server.kill();
    expect(reader.log.replica(orgA)?.length).toBe(10);
    server.start();
    await using again = await writer();
    for (let position = 10; position < 20; position += 1) {
      await again.append(orgA, String(position));
    }
    const replica = await reader.log.waitForSize(orgA, 20, { timeoutMs: 40_000 });
    expect(replica.length).toBe(20);
  }, 60_000);
});
