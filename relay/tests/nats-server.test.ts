import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NatsServerOptions, startNatsServer } from "@cloister/relay";
import {
  type ChildState,
  connectNats,
  createBox,
  createCertificateAuthority,
  freePorts,
  issueServerCertificate,
  NkeyPair,
  resolveNatsServer,
  sha256OfFile,
} from "@cloister/server-kit";
import { createFleet, natsModuleDir, preloadOf, signUser, type TestFleet } from "@cloister/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const host = "127.0.0.1";

describe("startNatsServer", () => {
  let dir: string;
  let fleet: TestFleet;
  let caPem: string;
  let options: NatsServerOptions;
  const states: ChildState[] = [];

  beforeEach(async () => {
    states.length = 0;
    dir = await mkdtemp(join(tmpdir(), "relay-nats-"));
    fleet = createFleet();
    const now = { nowMs: Date.now() };
    const authority = await createCertificateAuthority({ name: "fleet", ...now });
    const issued = await issueServerCertificate(authority, { hosts: ["localhost", host], ...now });
    caPem = authority.certPem;
    const tls = { caFile: join(dir, "ca"), certFile: join(dir, "cert"), keyFile: join(dir, "key") };
    await writeFile(tls.caFile, caPem);
    await writeFile(tls.certFile, issued.certPem);
    await writeFile(tls.keyFile, issued.keyPem, { mode: 0o600 });
    const { path } = await resolveNatsServer({ moduleDir: natsModuleDir });
    const copy = join(dir, "nats-server");
    await copyFile(path, copy);
    const [port = 0, webPort = 0] = await freePorts(2);
    options = {
      folder: join(dir, "nats"),
      logFile: join(dir, "nats.log"),
      box: await createBox(join(dir, "state")),
      binary: { path: copy, sha256: await sha256OfFile(copy) },
      serverName: "box-1",
      listen: { host, port },
      websocket: { host, port: webPort },
      tls,
      maxFileStoreBytes: 1 << 30,
      fleet: {
        operatorJwt: fleet.operatorJwt,
        systemAccount: fleet.services.system.account.publicKey,
        preload: preloadOf(fleet),
      },
      onState: (state) => states.push(state),
    };
  }, 600_000);

  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function connectDelivery() {
    const pair = NkeyPair.generate("user");
    const { account, key } = fleet.services.delivery;
    const jwt = signUser({ account, key, user: pair });
    return connectNats({
      servers: [`tls://${host}:${options.listen.port}`],
      caPem,
      signer: pair,
      currentJwt: () => jwt,
      name: "test",
      maxReconnectAttempts: 0,
    });
  }

  it("serves in operator mode, with its configuration private and no secret in argv", async () => {
    await using server = await startNatsServer(options);
    const connection = await connectDelivery();
    await connection.flush();
    await connection.close();
    const { mode } = await stat(join(options.folder, "nats-server.conf"));
    expect(mode & 0o777).toBe(0o600);
    if (server.state.kind !== "running") throw new Error(server.state.kind);
    const { pid } = server.state;
    const environment = await readFile(`/proc/${pid}/environ`, "utf8");
    const [, key = ""] = /CLOISTER_JETSTREAM_KEY=(k[0-9a-f]{64})/.exec(environment) ?? [];
    expect(key).not.toBe("");
    expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).not.toContain(key);
    for (const file of await readdir(options.folder, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const bytes = await readFile(join(file.parentPath, file.name));
      expect(bytes.includes(key.slice(1)) || bytes.includes(Buffer.from(key.slice(1), "hex"))).toBe(
        false,
      );
    }
  });

  it("starts it again after kill -9, and keeps the key of its streams", async () => {
    await using server = await startNatsServer(options);
    const before = server.state;
    if (before.kind !== "running") throw new Error(before.kind);
    process.kill(before.pid, "SIGKILL");
    await expect
      .poll(() => states.filter(({ kind }) => kind === "running").length, { timeout: 20_000 })
      .toBe(2);
    const connection = await connectDelivery();
    await connection.close();
  });

  it("refuses a binary that is not the one that was verified, also after it ran", async () => {
    const wrong = { ...options, binary: { ...options.binary, sha256: "00".repeat(32) } };
    await expect(startNatsServer(wrong)).rejects.toMatchObject({ code: "ERR_BINARY_HASH" });
    await using server = await startNatsServer(options);
    const { state } = server;
    if (state.kind !== "running") throw new Error(state.kind);
    await rm(options.binary.path);
    await writeFile(options.binary.path, "#!/bin/sh\nsleep 60\n", { mode: 0o700 });
    process.kill(state.pid, "SIGKILL");
    await expect.poll(() => server.state.kind, { timeout: 20_000 }).toBe("failed");
  });

  it("says so when its port is taken", async () => {
    await using _first = await startNatsServer(options);
    const second = { ...options, folder: join(dir, "second") };
    await expect(startNatsServer(second)).rejects.toMatchObject({ code: "ERR_PORT_TAKEN" });
  });

  it("ends the server that a killed supervisor left, and no other process", async () => {
    const environment = { CLOISTER_JETSTREAM_KEY: "k1" };
    await (await startNatsServer(options))[Symbol.asyncDispose]();
    const configFile = join(options.folder, "nats-server.conf");
    const pidFile = join(options.folder, "nats-server.pid");
    const args = ["--config", configFile, "--pid", pidFile];
    const orphan = spawn(options.binary.path, args, { env: environment, stdio: "ignore" });
    const ended = once(orphan, "exit");
    await expect.poll(() => readFile(pidFile, "utf8").catch(() => "")).toBe(String(orphan.pid));
    await using server = await startNatsServer(options);
    await ended;
    expect(server.state.kind).toBe("running");
    await server[Symbol.asyncDispose]();
    await writeFile(pidFile, String(process.pid));
    await using again = await startNatsServer(options);
    expect(again.state.kind).toBe("running");
  });
});
