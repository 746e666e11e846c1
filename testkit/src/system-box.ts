import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { renewCredentials } from "@cloister/accounts/init";
import {
  type Box,
  initServer,
  type RoleChild,
  type RoleName,
  readSettings,
  roleChild,
  roleEnvironment,
  serverHome,
  startNats,
} from "@cloister/deploy";

export interface SystemBoxOptions {
  /** More variables for a role: limits that a test wants small. */
  readonly environment?: Partial<Record<RoleName, Readonly<Record<string, string>>>>;
}

type NatsChild = Awaited<ReturnType<typeof startNats>>;

const PORT = 0;
const UNTIL_MS = 30_000;

/**
 * One real box, every role the process that an operator runs, but held by the test itself: it can
 * kill a role, leave it down, and start it again with other settings.
 */
export class SystemBox implements AsyncDisposable {
  readonly folder: string;
  readonly claim: string;
  readonly #box: Box;
  readonly #environment: Partial<Record<RoleName, Readonly<Record<string, string>>>>;
  readonly #roles = new Map<RoleName, RoleChild>();
  #nats: NatsChild | undefined;

  private constructor(parts: {
    readonly folder: string;
    readonly claim: string;
    readonly box: Box;
    readonly options: SystemBoxOptions;
  }) {
    this.folder = parts.folder;
    this.claim = parts.claim;
    this.#box = parts.box;
    this.#environment = { ...parts.options.environment };
  }

  /** Made and started. */
  static async start(options: SystemBoxOptions = {}): Promise<SystemBox> {
    const folder = await mkdtemp(join(tmpdir(), "cloister-system-"));
    const { claim, home } = await initServer({
      home: join(folder, "box"),
      host: "127.0.0.1",
      listenHost: "127.0.0.1",
      gatewayPort: PORT,
      natsPort: PORT,
      webSocketPort: PORT,
      operatorName: "system test",
      keepOperatorRoot: () => Promise.resolve(),
      now: Date.now(),
    });
    const place = serverHome(home);
    const settings = await readSettings(place);
    const box = new SystemBox({ folder, claim, box: { home: place, settings }, options });
    try {
      await renewCredentials({ stateDir: home });
      box.#nats = await startNats(box.#box, () => undefined);
      await Promise.all([box.startRole("accounts"), box.startRole("gateway")]);
      await box.startRole("relay");
      return box;
    } catch (error) {
      await box[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The box's own folder, as its holder sees it. */
  get home(): string {
    return this.#box.home.folder;
  }

  get logs(): string {
    return this.#box.home.logs;
  }

  async startRole(name: RoleName): Promise<void> {
    if (this.#roles.has(name)) throw new Error(`${name} runs already`);
    const environment = { ...roleEnvironment(name, this.#box), ...this.#environment[name] };
    const role = roleChild({ name, home: this.#box.home, environment });
    this.#roles.set(name, role);
    await role.child.start();
  }

  /** SIGKILL, and nobody starts it again before {@link startRole}. */
  async killRole(name: RoleName): Promise<void> {
    const role = this.#roles.get(name);
    const pid = role?.status().pid;
    if (role === undefined || pid === undefined) throw new Error(`${name} does not run`);
    this.#roles.delete(name);
    process.kill(pid, "SIGKILL");
    await role.child.stop();
  }

  /** With other limits than before. */
  async restartRole(name: RoleName, environment: Readonly<Record<string, string>>): Promise<void> {
    this.#environment[name] = environment;
    await this.killRole(name);
    await this.startRole(name);
  }

  /** SIGKILL: what nats-server had not synced is gone. Its supervisor brings it back. */
  killNats(): void {
    process.kill(this.#natsPid(), "SIGKILL");
  }

  /** Once nats-server is back after {@link killNats}. */
  async natsIsBack(deadPid: number): Promise<void> {
    const deadline = Date.now() + UNTIL_MS;
    while (this.natsPid === undefined || this.natsPid === deadPid) {
      if (Date.now() > deadline) throw new Error("nats-server did not come back");
      await delay(20);
    }
  }

  get natsPid(): number | undefined {
    return this.#nats?.status().pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of ["relay", "gateway", "accounts"] as const) {
      await this.#roles.get(name)?.child.stop();
    }
    this.#roles.clear();
    await this.#nats?.[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }

  #natsPid(): number {
    const pid = this.natsPid;
    if (pid === undefined) throw new Error("nats-server does not run");
    return pid;
  }
}
