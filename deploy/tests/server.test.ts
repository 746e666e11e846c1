import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceCredentialsPath } from "@cloister/accounts/init";
import { SecretBytes } from "@cloister/base";
import { parseClaim, serverHome, serverStatus, startServer, stopServer } from "@cloister/deploy";
import { openBox, readServiceCredentials } from "@cloister/server-kit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { filesOf, kill, pidOf, processesOf, TestBox } from "./support/box.ts";
import { foundRoom, sendAnother } from "./support/person.ts";

const roles = ["nats-server", "gateway", "accounts", "relay"];
const start = (home: string) => startServer(home, { signal: AbortSignal.timeout(90_000) });
const recovery = { timeout: 30_000, interval: 100 };

/** Deeper than a socket's path may be. */
const longName = "a-folder-with-a-long-name/".repeat(6);

let folder: string;
let box: TestBox;
let person: string;
let operatorRoot: SecretBytes;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloister-box-"));
  await mkdir(join(folder, longName), { recursive: true });
  person = join(folder, "person");
  box = await TestBox.make(join(folder, longName, "box"), {
    keepOperatorRoot: async (seed) => {
      operatorRoot = seed.expose((bytes) => SecretBytes.copyOf(bytes));
    },
  });
}, 600_000);
afterAll(async () => {
  await box?.[Symbol.asyncDispose]();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** One box through its life; each test goes on where the one before ended. */
describe("a box", () => {
  test("starts every role, says so, and serves an org", async () => {
    const status = await start(box.home);
    expect(status.roles.map(({ name }) => name).toSorted()).toEqual(roles.toSorted());
    for (const { state, pid, restarts } of status.roles) {
      expect({ state, restarts }).toEqual({ state: "ready", restarts: 0 });
      expect(() => process.kill(pid ?? 0, 0)).not.toThrow();
    }
    expect(await serverStatus(box.home)).toMatchObject({ pid: status.pid });
    await foundRoom(person, box.claim);
  });

  test("runs once: a second start is refused, and changes nothing", async () => {
    const before = await serverStatus(box.home);
    await expect(start(box.home)).rejects.toMatchObject({ code: "ERR_SERVER_RUNNING" });
    expect(await serverStatus(box.home)).toEqual(before);
  });

  test("its control socket is its owner's, and takes two words alone", async () => {
    const { controlSocket } = serverHome(box.home);
    const { mode } = await stat(controlSocket);
    expect(mode & 0o777).toBe(0o600);
    const { pid } = await serverStatus(box.home);
    const junk = ["\n", "{}\n", '{"kind":"stop"', '{"kind":"stop","x":1}\n', "x".repeat(100_000)];
    const { open } = await import("node:fs/promises");
    await using at = await open(box.home);
    for (const text of [...junk, `${"\0".repeat(300)}\n`]) {
      const socket = connect(`/proc/self/fd/${at.fd}/control.sock`);
      let answered = "";
      socket.on("data", (chunk) => {
        answered += String(chunk);
      });
      socket.on("error", () => undefined);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.end(text);
      await closed;
      expect(answered).toBe("");
    }
    expect((await serverStatus(box.home)).pid).toBe(pid);
  });

  test("[F95] no secret is in a command line, an environment of a role, a log or a file in the clear", async () => {
    const { secret: claimSecret } = parseClaim(box.claim);
    using key = await openBox(box.home);
    const secrets = [claimSecret];
    for (const user of ["accounts", "gateway", "gateway-log", "relay", "relay-log"]) {
      const path = serviceCredentialsPath(box.home, user as "gateway");
      const { pair } = await readServiceCredentials({ key, path, user });
      pair.exposeSeed((seed) => secrets.push(Uint8Array.from(seed)));
      pair.exposeSeedText((text) => secrets.push(Buffer.from(text)));
    }
    operatorRoot.expose((bytes) => secrets.push(Uint8Array.from(bytes)));
    const needles = secrets.flatMap((bytes) => [
      Buffer.from(bytes),
      ...(["hex", "base64", "base64url"] as const).map((encoding) =>
        Buffer.from(Buffer.from(bytes).toString(encoding).replace(/=+$/, "")),
      ),
    ]);
    const seedText = /\bS[OAUNCX][A-Z2-7]{56}\b/;
    const search = (name: string, content: Buffer) => {
      expect(seedText.test(content.toString("latin1")), name).toBe(false);
      for (const needle of needles) expect(content.includes(needle), name).toBe(false);
    };
    const processes = await processesOf(box.home);
    expect(processes.length).toBeGreaterThanOrEqual(5);
    for (const { pid, command } of processes) {
      search(`command of ${pid}`, Buffer.from(command));
      search(`environment of ${pid}`, await readFile(`/proc/${pid}/environ`));
    }
    const files = await filesOf(box.home);
    expect(files.some((file) => file.includes("operator-key"))).toBe(true);
    for (const file of files) search(file, await readFile(file));
    // Control: the search finds what is there.
    const planted = Buffer.concat([Buffer.from("log line "), needles[1] ?? Buffer.alloc(0)]);
    expect(() => search("control", planted)).toThrow("control");
  });

  test("[F95] its logs are its owner's", async () => {
    const { logs } = serverHome(box.home);
    const files = await filesOf(logs);
    expect(files.length).toBe(5);
    for (const file of files) expect((await stat(file)).mode & 0o777, file).toBe(0o600);
  });

  test.each(roles)("[F45] %s, killed -9, comes back, and the box serves again", async (role) => {
    const before = await pidOf(box.home, role);
    kill(before);
    await expect.poll(() => pidOf(box.home, role), recovery).not.toBe(before);
    await expect.poll(() => pidOf(box.home, role), recovery).toBeTypeOf("number");
    await expect
      .poll(() => sendAnother(person, `after ${role}`).catch(() => undefined), recovery)
      .toBeTypeOf("bigint");
    const { roles: now } = await serverStatus(box.home);
    expect(now.find(({ name }) => name === role)?.restarts).toBe(1);
  });

  test("killed -9 as a whole, its roles end by themselves, and the next start leaves no orphan", async () => {
    const { pid, roles: before } = await serverStatus(box.home);
    kill(pid);
    const rolesLeft = async () =>
      (await processesOf(box.home)).filter(({ command }) => command.includes("main.ts")).length;
    await expect.poll(rolesLeft, recovery).toBe(0);
    await expect(serverStatus(box.home)).rejects.toMatchObject({ code: "ERR_SERVER_NOT_RUNNING" });
    await start(box.home);
    const left = new Set((await processesOf(box.home)).map((each) => each.pid));
    expect(left.size).toBe(5);
    for (const role of before) expect(left.has(role.pid ?? 0), role.name).toBe(false);
    expect(await sendAnother(person, "after the whole")).toBeTypeOf("bigint");
  });

  test("killed -9 with a role that does not heed its end, the next start ends that too", async () => {
    const { pid } = await serverStatus(box.home);
    const stopped = await pidOf(box.home, "gateway");
    process.kill(stopped ?? 0, "SIGSTOP");
    kill(pid);
    await start(box.home);
    const left = (await processesOf(box.home)).map((each) => each.pid);
    expect(left).not.toContain(stopped);
    expect(left).toHaveLength(5);
  }, 90_000);

  test("stops in order, and started again has all that it had", async () => {
    const before = await sendAnother(person, "before the stop");
    await stopServer(box.home);
    expect(await processesOf(box.home)).toEqual([]);
    await expect(stopServer(box.home)).rejects.toMatchObject({ code: "ERR_SERVER_NOT_RUNNING" });
    await start(box.home);
    expect(await sendAnother(person, "after the stop")).toBeGreaterThan(before);
    await stopServer(box.home);
  });

  test("of two starts at once one wins, and the other says that it runs", async () => {
    const outcomes = await Promise.allSettled([start(box.home), start(box.home)]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const lost = outcomes.find(({ status }) => status === "rejected");
    expect(lost).toMatchObject({ reason: { code: "ERR_SERVER_RUNNING" } });
    expect(await processesOf(box.home)).toHaveLength(5);
    await stopServer(box.home);
  });

  test("says which port is taken, and leaves nothing running", async () => {
    const { settingsFile } = serverHome(box.home);
    const settings = JSON.parse(await readFile(settingsFile, "utf8"));
    for (const port of [settings.gatewayPort, settings.natsPort] as number[]) {
      const other = createServer().listen(port, "127.0.0.1");
      await once(other, "listening");
      await expect(start(box.home)).rejects.toMatchObject({
        code: "ERR_PORT_TAKEN",
        message: expect.stringContaining(String(port)) as string,
      });
      other.close();
      await expect.poll(() => processesOf(box.home), recovery).toEqual([]);
    }
  });
});
