import { setTimeout as sleep } from "node:timers/promises";
import { type OrgId, parseOrgId } from "@cloister/base";
import type { JsMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { isForeignRecord } from "./foreign-record.ts";
import { logErrors } from "./log-errors.ts";
import { StreamReader } from "./log-reader.ts";

const logStream = "LOG";
const logFilter = "log.*";

/** What replays a log: `rules/`. `Replica` is immutable; each record makes the next one. */
export interface LogRules<Replica> {
  /** From the first record of a log; throws unless it is the genesis of `org`. */
  open(org: OrgId, record: Uint8Array): Replica;
  /** Throws unless the record is what may follow. */
  append(replica: Replica, record: Uint8Array): Replica;
  sizeOf(replica: Replica): number;
}

export interface LogFollowerOptions<Replica> {
  /** In the ACCOUNTS account, allowed to read the stream LOG and nothing else. */
  readonly connection: NatsConnection;
  readonly rules: LogRules<Replica>;
  /** Told once for each log that is refused, and for each lost consumer. */
  readonly onTrouble: (trouble: LogTrouble) => void;
}

export interface LogTrouble {
  /** Absent where the stream itself cannot be read for now. */
  readonly org?: OrgId;
  readonly error: unknown;
}

export interface LogChange<Replica> {
  readonly org: OrgId;
  readonly replica: Replica;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface FollowedLog<Replica> {
  replica: Replica;
  readonly records: Uint8Array[];
  /** Set when the log held a record that the rules refuse: nothing of this org counts any more. */
  refused: unknown;
}

/**
 * Follows the statements logs of all orgs and replays them by the same rules as members do. What
 * it holds stays of use while accounts is down, and while nats-server is.
 *
 * A log that breaks the rules stops for good: every question about its org then fails.
 */
export class LogFollower<Replica> implements AsyncDisposable {
  /** Resolves when all that LOG held at the start has been replayed. */
  readonly ready: Promise<void>;
  readonly #options: LogFollowerOptions<Replica>;
  readonly #logs = new Map<OrgId, FollowedLog<Replica>>();
  readonly #listeners = new Set<(change: LogChange<Replica>) => void>();
  readonly #reader: StreamReader;

  constructor(options: LogFollowerOptions<Replica>) {
    this.#options = options;
    const caughtUp = Promise.withResolvers<void>();
    this.ready = caughtUp.promise;
    this.#reader = new StreamReader({
      connection: options.connection,
      stream: logStream,
      filter: logFilter,
      onMessage: (message) => this.#take(message),
      onCaughtUp: caughtUp.resolve,
      onTrouble: (error) => options.onTrouble({ error }),
    });
  }

  orgs(): OrgId[] {
    return [...this.#logs.keys()];
  }

  /** The verified log of an org, or undefined where no such org is known. Throws if it was refused. */
  replica(org: OrgId): Replica | undefined {
    const followed = this.#logs.get(org);
    if (followed?.refused !== undefined) throw refusedLog(org, followed.refused);
    return followed?.replica;
  }

  /** Encoded LogRecords as they were read, from a position on. */
  records(org: OrgId, range: { readonly from: number; readonly max: number }): Uint8Array[] {
    if (this.replica(org) === undefined) return [];
    const held = this.#logs.get(org)?.records ?? [];
    return held.slice(range.from, range.from + range.max);
  }

  /** Waits until the org's log has at least `size` entries here. */
  async waitForSize(org: OrgId, size: number, options: WaitOptions): Promise<Replica> {
    const now = this.#atSize(org, size);
    if (now !== undefined) return now;
    const reached = Promise.withResolvers<Replica>();
    using _listening = this.onChange((change) => {
      if (change.org !== org) return;
      const found = this.#atSize(org, size);
      if (found !== undefined) reached.resolve(found);
    });
    const limit = AbortSignal.timeout(options.timeoutMs);
    const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
    // Awaited here: the listener must live until then.
    return await Promise.race([reached.promise, abortedAsTimeout(org, size, signal)]);
  }

  /** Calls back after each record that was replayed. Listeners must not throw. */
  onChange(listener: (change: LogChange<Replica>) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    await this.#reader[Symbol.asyncDispose]();
  }

  #atSize(org: OrgId, size: number): Replica | undefined {
    const replica = this.replica(org);
    if (replica === undefined) return undefined;
    return this.#options.rules.sizeOf(replica) >= size ? replica : undefined;
  }

  #take(message: JsMsg): void {
    const org = orgOfSubject(message.subject);
    if (org === undefined) return;
    const followed = this.#logs.get(org);
    if (followed?.refused !== undefined) return;
    // The client library reuses its buffers.
    const record = Uint8Array.from(message.data);
    try {
      const replica = this.#replay({ org, record, followed });
      for (const listener of this.#listeners) listener({ org, replica });
    } catch (error) {
      if (isForeignRecord(error)) this.#options.onTrouble({ org, error });
      else this.#refuse(org, error);
    }
  }

  #replay(next: {
    readonly org: OrgId;
    readonly record: Uint8Array;
    readonly followed: FollowedLog<Replica> | undefined;
  }): Replica {
    const { rules } = this.#options;
    const { org, record, followed } = next;
    if (followed === undefined) {
      const replica = rules.open(org, record);
      this.#logs.set(org, { replica, records: [record], refused: undefined });
      return replica;
    }
    followed.replica = rules.append(followed.replica, record);
    followed.records.push(record);
    return followed.replica;
  }

  #refuse(org: OrgId, error: unknown): void {
    const followed = this.#logs.get(org);
    // A log without a valid genesis is no org at all.
    if (followed !== undefined) followed.refused = error;
    this.#options.onTrouble({ org, error });
  }
}

function orgOfSubject(subject: string): OrgId | undefined {
  try {
    return parseOrgId(subject.slice(subject.indexOf(".") + 1));
  } catch {
    return undefined;
  }
}

function refusedLog(org: OrgId, cause: unknown): Error {
  return logErrors.ERR_LOG_REFUSED("the statements log of this org breaks its own rules", {
    cause,
    details: { org },
    hint: "compare the log with what owners hold; nothing is served for the org until then",
  });
}

async function abortedAsTimeout(org: OrgId, size: number, signal: AbortSignal): Promise<never> {
  await sleep(2 ** 31 - 1, undefined, { signal, ref: false }).catch(() => undefined);
  throw logErrors.ERR_LOG_BEHIND("this server has not read that much of the log yet", {
    details: { org, size },
  });
}
