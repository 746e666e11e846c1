import { setTimeout as sleep } from "node:timers/promises";
import { type OrgId, parseOrgId } from "@cloister/base";
import { isNkey, type Nkey } from "@cloister/server-kit";
import { relayErrors } from "../errors.ts";
import { ORG_WAIT_MS } from "../limits.ts";
import { deliveryStreams, deliverySubjects } from "../store/delivery-streams.ts";
import type { JetStreamApi } from "../store/jetstream-api.ts";
import type { OrgConnection } from "./org-connection.ts";

const firstRetryMs = 100;
const longestRetryMs = 5_000;
const connectPollMs = 50;

export interface OrgAccount {
  readonly org: OrgId;
  /** Where its members connect: the account in the subject of their calls. */
  readonly account: Nkey<"account">;
  /** Where its streams are, and of all only the relay connects. */
  readonly store: Nkey<"account">;
}

export interface OrgDirectoryOptions {
  /** In DELIVERY: the accounts are remembered there, so orgs are served while accounts is down. */
  readonly delivery: JetStreamApi;
  /** Asks accounts which orgs' logs authorise this relay. */
  readonly announce: () => Promise<readonly OrgAccount[]>;
  readonly connect: (at: OrgAccount) => Promise<OrgConnection>;
  /** Orgs whose log authorises this relay now. */
  readonly authorised: () => ReadonlySet<OrgId>;
  /** Runs once for each org that was connected; what it throws is tried again. */
  readonly onConnected: (connection: OrgConnection) => Promise<void>;
  readonly onTrouble: (trouble: { readonly org?: OrgId; readonly error: unknown }) => void;
}

/**
 * Orgs that this relay serves: which NATS account each has, and the connection into it. The account
 * in a call's subject is put there by the server, so the account is what tells the org.
 */
export class OrgDirectory implements AsyncDisposable {
  readonly #options: OrgDirectoryOptions;
  readonly #accounts = new Map<OrgId, OrgAccount>();
  readonly #orgs = new Map<string, OrgId>();
  readonly #connections = new Map<OrgId, OrgConnection>();
  readonly #stop = new AbortController();
  #wanted = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;

  constructor(options: OrgDirectoryOptions) {
    this.#options = options;
  }

  /** Connects what can be connected now, and goes on in the background with the rest and with new orgs. */
  async start(): Promise<void> {
    await this.#remembered();
    this.#running = this.#run(await this.#round());
  }

  /** Looks again which orgs are authorised: to be called when a log has changed. */
  refresh(): void {
    this.#wanted.resolve();
  }

  orgOfAccount(account: string): OrgId | undefined {
    return this.#orgs.get(account);
  }

  /** JetStream of the org's streams. Throws ERR_RELAY_ORG_UNAVAILABLE while it is not connected. */
  api(org: OrgId): JetStreamApi {
    const connection = this.#connections.get(org);
    if (connection === undefined) {
      throw relayErrors.ERR_RELAY_ORG_UNAVAILABLE("not connected to the org's streams yet");
    }
    return connection.api;
  }

  /** As `api`, but waits a little: a new org's first calls come while its account is being made. */
  async whenConnected(org: OrgId): Promise<JetStreamApi> {
    const deadline = performance.now() + ORG_WAIT_MS;
    while (!this.#connections.has(org) && performance.now() < deadline) {
      if (!this.#options.authorised().has(org)) break;
      await sleep(connectPollMs);
    }
    return this.api(org);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wanted.resolve();
    await this.#running;
    const open = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(open.map((connection) => connection[Symbol.asyncDispose]()));
  }

  async #run(wasComplete: boolean): Promise<void> {
    let retryMs = firstRetryMs;
    let isComplete = wasComplete;
    while (!this.#stop.signal.aborted) {
      const pause = sleep(retryMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      await (isComplete ? this.#wanted.promise : Promise.race([this.#wanted.promise, pause]));
      if (this.#stop.signal.aborted) return;
      this.#wanted = Promise.withResolvers();
      isComplete = await this.#round();
      retryMs = isComplete ? firstRetryMs : Math.min(retryMs * 2, longestRetryMs);
    }
  }

  /** True if every org that authorises this relay is connected. */
  async #round(): Promise<boolean> {
    const authorised = this.#options.authorised();
    let isComplete = await this.#learnAccounts();
    for (const at of this.#accounts.values()) {
      const isDone = await this.#settle(at, authorised);
      isComplete &&= isDone;
    }
    // The log may tell of an org before accounts does.
    return isComplete && [...authorised].every((org) => this.#accounts.has(org));
  }

  async #learnAccounts(): Promise<boolean> {
    try {
      for (const found of await this.#options.announce()) await this.#remember(found);
      return true;
    } catch (error) {
      this.#options.onTrouble({ error });
      return false;
    }
  }

  async #settle(at: OrgAccount, authorised: ReadonlySet<OrgId>): Promise<boolean> {
    const open = this.#connections.get(at.org);
    try {
      if (!authorised.has(at.org)) {
        this.#connections.delete(at.org);
        await open?.[Symbol.asyncDispose]();
        return true;
      }
      if (open === undefined) await this.#open(at);
      return true;
    } catch (error) {
      this.#options.onTrouble({ org: at.org, error });
      return false;
    }
  }

  async #open(at: OrgAccount): Promise<void> {
    const connection = await this.#options.connect(at);
    this.#connections.set(at.org, connection);
    try {
      await this.#options.onConnected(connection);
    } catch (error) {
      this.#connections.delete(at.org);
      await connection[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #remember(at: OrgAccount): Promise<void> {
    const known = this.#accounts.get(at.org);
    if (known?.account === at.account && known.store === at.store) return;
    const subject = deliverySubjects.orgAccount(at.account);
    await this.#options.delivery.publish(subject, Buffer.from(`${at.org} ${at.store}`));
    this.#learn(at);
  }

  #learn(at: OrgAccount): void {
    this.#accounts.set(at.org, at);
    this.#orgs.set(at.account, at.org);
  }

  async #remembered(): Promise<void> {
    const { delivery } = this.#options;
    let sequence = 1;
    for (;;) {
      const from = { sequence, subject: deliverySubjects.orgAccounts };
      const found = await delivery.next(deliveryStreams.state, from);
      if (found === undefined) return;
      const account = found.subject.slice(found.subject.lastIndexOf(".") + 1);
      const [org = "", store = ""] = Buffer.from(found.data).toString().split(" ");
      if (isNkey("account", account) && isNkey("account", store)) {
        this.#learn({ org: parseOrgId(org), account, store });
      }
      sequence = found.sequence + 1;
    }
  }
}
