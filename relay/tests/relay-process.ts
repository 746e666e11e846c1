import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { idBytes } from "@cloister/base";
import { accountsV1, encodeReply } from "@cloister/proto";
import {
  createBox,
  NkeyPair,
  writeSealedFile,
  writeServiceCredentials,
} from "@cloister/server-kit";
import { signUser, type TestServiceAccount } from "@cloister/testkit";
import type { NatsConnection } from "@nats-io/nats-core";
import type { DeliveryStage } from "./delivery-stage.ts";

const main = join(import.meta.dirname, "../src/main.ts");

/** The relay as the real process, from its sealed files on; a test kills it and starts it again. */
export class RelayProcess implements AsyncDisposable {
  readonly stateDir: string;
  readonly logFile: string;
  readonly #stage: DeliveryStage;
  #accounts: NatsConnection | undefined;
  #child: ChildProcess | undefined;

  private constructor(stage: DeliveryStage, stateDir: string) {
    this.#stage = stage;
    this.stateDir = stateDir;
    this.logFile = join(stateDir, "relay.log");
  }

  /** Keys and credentials as `accounts init` and a first start would leave them. */
  static async create(stage: DeliveryStage): Promise<RelayProcess> {
    const stateDir = await mkdtemp(join(tmpdir(), "relay-process-"));
    using box = await createBox(stateDir);
    const { delivery, accounts } = stage.nats.fleet.services;
    const org = stage.org();
    const seeds = org.nats.relayKey.exposeSeed((bytes) => {
      return Buffer.concat([org.log.relay.key.seed, bytes]);
    });
    const path = join(stateDir, "relay", "keys.sealed");
    await writeSealedFile({ key: box, path, purpose: "relay-keys" }, seeds);
    const users: [string, TestServiceAccount][] = [
      ["relay", delivery],
      ["relay-log", accounts],
    ];
    for (const [user, { account, key }] of users) {
      using pair = NkeyPair.generate("user");
      const jwt = signUser({ account, key, user: pair });
      const file = join(stateDir, "accounts", "credentials", `${user}.sealed`);
      await writeServiceCredentials({ key: box, path: file, user }, { jwt, pair });
    }
    return new RelayProcess(stage, stateDir);
  }

  async start(): Promise<void> {
    const log = openSync(this.logFile, "a", 0o600);
    this.#child = spawn(process.execPath, [main], {
      stdio: ["ignore", log, log],
      env: {
        PATH: process.env["PATH"] ?? "",
        CLOISTER_RELAY_STATE_DIR: this.stateDir,
        CLOISTER_RELAY_NATS_URLS: this.#stage.nats.url,
        CLOISTER_RELAY_CA_FILE: this.#stage.nats.caFile,
        CLOISTER_RELAY_ROOMS_BYTES: "64MiB",
        CLOISTER_RELAY_FILES_BYTES: "64MiB",
        CLOISTER_RELAY_HANDSHAKES_BYTES: "256MiB",
        CLOISTER_RELAY_STATE_BYTES: "256MiB",
        CLOISTER_RELAY_KEY_PACKAGES_BYTES: "32MiB",
      },
    });
    closeSync(log);
    const readyBefore = await this.#readyLines();
    const deadline = Date.now() + 30_000;
    while ((await this.#readyLines()) <= readyBefore) {
      if (Date.now() > deadline || this.#child.exitCode !== null) {
        throw new Error(`the relay did not start:\n${await readFile(this.logFile, "utf8")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  /** Answers AnnounceRelay in the place of accounts. Without it the relay serves what it remembers. */
  async answerAnnouncements(): Promise<void> {
    const { connection } = await this.#stage.nats.service("accounts");
    this.#accounts = connection;
    const orgs = [...this.#stage.orgs.values()].map(({ log, nats }) => ({
      orgId: idBytes(log.id),
      natsAccount: nats.account.publicKey,
      natsStoreAccount: nats.store.publicKey,
    }));
    const response = accountsV1.AnnounceRelayResponse.encode({ orgs }).finish();
    connection.subscribe("accounts.v1.*.*.*", {
      callback: (_error, message) => void message.respond(encodeReply(response)),
    });
    await connection.flush();
  }

  async stopAnnouncements(): Promise<void> {
    await this.#accounts?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.stopAnnouncements();
    await rm(this.stateDir, { recursive: true, force: true });
  }

  async #readyLines(): Promise<number> {
    const text = await readFile(this.logFile, "utf8").catch(() => "");
    return text.split("\n").filter((line) => line.includes('"message":"ready"')).length;
  }
}
