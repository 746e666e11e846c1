import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServiceLink, TestBox } from "./fleet.ts";
import { FoundedOrg } from "./founded-org.ts";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** The service as its own process, as a supervisor runs it. */
class AccountsProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  #log = "";

  constructor(environment: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [main], {
      env: environment,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
  }

  get log(): string {
    return this.#log;
  }

  async ready(): Promise<void> {
    await this.#until(() => this.#log.includes('"message":"ready"'));
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return this.#child.exitCode;
    }
    const exited = once(this.#child, "exit");
    this.#child.kill(signal);
    await exited;
    return this.#child.exitCode;
  }

  /** Its own exit, without a signal of ours. */
  async exited(): Promise<number | null> {
    await this.#until(() => this.#child.exitCode !== null);
    return this.#child.exitCode;
  }

  async #until(isSo: () => boolean): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!isSo()) {
      if (Date.now() > deadline) throw new Error(`the process did not get there:\n${this.#log}`);
      await sleep(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }
}

let box: TestBox;
let gateway: ServiceLink;
let relay: ServiceLink;
let environment: Record<string, string>;

beforeAll(async () => {
  box = await TestBox.start();
  gateway = await box.link("gateway");
  relay = await box.link("relay");
  environment = {
    CLOISTER_STATE_DIR: box.stateDir,
    CLOISTER_NATS_URLS: box.config.natsUrls.join(","),
    CLOISTER_NATS_CA_FILE: box.config.caFile,
  };
});
afterAll(async () => {
  await box?.[Symbol.asyncDispose]();
});

test("a process killed in the middle of submits loses nothing acknowledged; the next one goes on", async () => {
  await using first = new AccountsProcess(environment);
  await first.ready();
  const org = await FoundedOrg.found(box, gateway, relay);
  const { orgId } = org;
  const statements = await Promise.all(Array.from({ length: 40 }, () => org.forge.project()));
  const positions = new Map<number, bigint>();
  const submitAll = () =>
    Promise.all(
      statements.map(async (statement, index) => {
        const answer = await gateway.call("Submit", { orgId, statement }).catch(() => undefined);
        if (answer === undefined) return;
        const known = positions.get(index);
        if (known !== undefined) expect(answer.position).toBe(known);
        positions.set(index, answer.position);
      }),
    );
  const begun = submitAll();
  while (positions.size < 3) await sleep(1);
  await first.end("SIGKILL");
  await using second = new AccountsProcess(environment);
  await second.ready();
  await begun;
  expect(positions.size).toBeLessThan(statements.length);
  await submitAll();
  expect(positions.size).toBe(statements.length);
  expect(new Set(positions.values()).size).toBe(statements.length);
  expect(await second.end("SIGTERM")).toBe(0);
}, 60_000);

test("says what is missing in its configuration, and ends with the usage code", async () => {
  await using wrong = new AccountsProcess({ ...environment, CLOISTER_STATE_DIR: "" });
  expect(await wrong.exited()).toBe(64);
  expect(wrong.log).toContain("CLOISTER_STATE_DIR");
});
