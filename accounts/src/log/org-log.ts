import { setTimeout as sleep } from "node:timers/promises";
import {
  type Clock,
  formatHex,
  hasErrorCode,
  isCloisterError,
  type OrgId,
  type Signer,
  sha256,
} from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import {
  type LogReplica,
  type PreparedEntry,
  prepareEntry,
  prepareGenesis,
  signEntry,
} from "@cloister/rules";
import { isForeignRecord, memberRules } from "@cloister/server-kit";
import { accountsErrors } from "../errors.ts";
import { MAX_APPEND_ATTEMPTS } from "../limits.ts";
import type { LogStream, StoredRecord } from "./log-stream.ts";

export interface LogPosition {
  readonly position: number;
  /** Encoded LogRecord. */
  readonly record: Uint8Array;
}

export interface OrgLogOptions {
  readonly org: OrgId;
  readonly stream: LogStream;
  readonly clock: Clock;
}

/**
 * One org's log as this process has read and judged it, and its end, where it appends by
 * compare-and-set: any number of processes may do so at once. The stored record is the commit
 * point; what is remembered here can be lost at any time.
 */
export class OrgLog {
  readonly org: OrgId;
  readonly #options: OrgLogOptions;
  readonly #positions = new Map<string, number>();
  readonly #sequences: number[] = [];
  readonly #rules = memberRules();
  /** Of the newest message on the org's subject, whether it is a record or not. */
  #lastSequence = 0;
  #replica: LogReplica | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: OrgLogOptions) {
    this.org = options.org;
    this.#options = options;
  }

  /** Undefined while the log has no genesis. */
  get replica(): LogReplica | undefined {
    return this.#replica;
  }

  /** Reads what was appended since. Throws if a record breaks the rules. */
  refresh(): Promise<LogReplica | undefined> {
    return this.#exclusive(async () => {
      await this.#readNew();
      return this.#replica;
    });
  }

  /** Appends the statement unless it is in the log already; throws what the rules say against it. */
  append(statement: Uint8Array, signer: Signer<"log">): Promise<LogPosition> {
    return this.#exclusive(() => this.#append(statement, signer));
  }

  /** One writer a process and log: the others would only lose the compare-and-set. */
  #exclusive<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#queue.then(work, work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #append(statement: Uint8Array, signer: Signer<"log">): Promise<LogPosition> {
    if (this.#replica === undefined) await this.#readNew();
    for (let attempt = 1; attempt <= MAX_APPEND_ATTEMPTS; attempt += 1) {
      const known = await this.#find(statement);
      if (known !== undefined) return known;
      const appended = await this.#tryAppend(statement, signer);
      if (appended !== undefined) return appended;
      await this.#readNew();
      // Two processes in step would lose to each other for ever.
      await sleep(Math.random() * Math.min(attempt * 4, 50));
    }
    throw accountsErrors.ERR_LOG_CONTENDED("others append to this log at the same time");
  }

  /** Undefined if another process was first. */
  async #tryAppend(statement: Uint8Array, signer: Signer<"log">): Promise<LogPosition | undefined> {
    const { org, stream } = this.#options;
    const size = this.#sequences.length;
    let prepared: PreparedEntry;
    try {
      prepared = this.#prepare(statement, signer);
    } catch (error) {
      // What looks wrong may only be newer than what was read here.
      await this.#readNew();
      if (this.#sequences.length > size) return undefined;
      throw error;
    }
    const record = await signEntry(prepared, signer);
    const sequence = await this.#store({ org, stream, record });
    if (sequence === undefined) return undefined;
    this.#take({ record, sequence });
    return { position: prepared.position, record };
  }

  #prepare(statement: Uint8Array, signer: Signer<"log">): PreparedEntry {
    const nowMs = this.#options.clock.now();
    if (this.#replica !== undefined) return prepareEntry(this.#replica, { statement, nowMs });
    return prepareGenesis({ statement, nowMs, logKey: signer.publicKey });
  }

  /** An append whose answer was lost may have been stored: the next look at the log tells. */
  async #store(input: {
    readonly org: OrgId;
    readonly stream: LogStream;
    readonly record: Uint8Array;
  }): Promise<number | undefined> {
    const { org, stream, record } = input;
    try {
      return await stream.append({ org, record, after: this.#lastSequence });
    } catch (error) {
      if (!hasErrorCode(error, "ERR_LOG_UNAVAILABLE")) throw error;
      await this.#readNew();
      const statement = statementOf(record);
      if (!this.#positions.has(keyOf(statement))) throw error;
      return undefined;
    }
  }

  async #find(statement: Uint8Array): Promise<LogPosition | undefined> {
    const position = this.#positions.get(keyOf(statement));
    if (position === undefined) return undefined;
    const record = await this.#options.stream.readAt(this.#sequences[position] ?? 0);
    return { position, record };
  }

  async #readNew(): Promise<void> {
    const { org, stream } = this.#options;
    const stored = await stream.readAfter(org, this.#lastSequence);
    for (const record of stored) this.#take(record);
  }

  #take({ record, sequence }: StoredRecord): void {
    const { org } = this.#options;
    try {
      this.#replica =
        this.#replica === undefined
          ? this.#rules.open(org, record)
          : this.#rules.append(this.#replica, record);
    } catch (error) {
      this.#lastSequence = sequence;
      if (isForeignRecord(error)) return;
      throw isCloisterError(error) ? brokenLog(org, error) : error;
    }
    this.#lastSequence = sequence;
    this.#positions.set(keyOf(statementOf(record)), this.#sequences.length);
    this.#sequences.push(sequence);
  }
}

function statementOf(record: Uint8Array): Uint8Array {
  const { entry } = statementsV1.LogRecord.decode(record);
  return statementsV1.LogEntry.decode(entry).statement;
}

function keyOf(statement: Uint8Array): string {
  return formatHex(sha256(statement));
}

function brokenLog(org: OrgId, cause: unknown): Error {
  return accountsErrors.ERR_LOG_BROKEN("the stored log breaks its own rules: nothing is appended", {
    cause,
    details: { org },
  });
}
