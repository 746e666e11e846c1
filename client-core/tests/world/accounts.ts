import { type EpochMs, equalBytes, newStatementId, type OrgId } from "@cloister/base";
import { statementsV1 } from "@cloister/proto";
import {
  appendRecord,
  type Body,
  buildStatement,
  type LogReplica,
  type OrgState,
  openReplica,
  prepareEntry,
  prepareGenesis,
  signEntry,
  signStatement,
} from "@cloister/rules";
import { seededRandom, type TestKey, testKey, testService } from "@cloister/rules/testing";
import { testClock } from "./test-clock.ts";

/** The log as accounts keeps it: one org, in memory. */
export class MemoryAccounts {
  readonly random = seededRandom(`world ${Math.random()}`);
  readonly logKey = testKey("log", this.random);
  readonly gateway = testService("gateway", this.random);
  readonly relay = testService("relay", this.random);
  records: Uint8Array[] = [];
  #replica: LogReplica | undefined;
  #founded: Uint8Array | undefined;
  /** A hostile log answers with this many entries only. */
  shownSize = Number.POSITIVE_INFINITY;

  get replica(): LogReplica {
    if (this.#replica === undefined) throw new TypeError("no org yet");
    return this.#replica;
  }

  get state(): OrgState {
    return this.replica.state;
  }

  get size(): number {
    return this.replica.size;
  }

  get org(): OrgId {
    return this.state.genesis.org;
  }

  get checkpoint(): Uint8Array {
    return this.checkpointAt(Math.min(this.shownSize, this.records.length));
  }

  checkpointAt(size: number): Uint8Array {
    const record = this.records[size - 1];
    if (record === undefined) throw new TypeError("the log is shorter");
    return statementsV1.LogRecord.decode(record).checkpoint;
  }

  async found(genesis: Uint8Array): Promise<void> {
    if (this.#founded !== undefined) {
      if (equalBytes(genesis, this.#founded)) return;
      throw new TypeError("claimed already");
    }
    const nowMs = testClock.now();
    const prepared = prepareGenesis({ statement: genesis, nowMs, logKey: this.logKey.publicKey });
    const record = await signEntry(prepared, this.logKey);
    this.#replica = openReplica({ record });
    this.records = [record];
    this.#founded = genesis;
  }

  /** Idempotent for the same bytes. */
  async submit(statement: Uint8Array, nowMs: EpochMs = testClock.now()): Promise<number> {
    const known = this.records.findIndex((record) => {
      const { entry } = statementsV1.LogRecord.decode(record);
      return equalBytes(statementsV1.LogEntry.decode(entry).statement, statement);
    });
    if (known >= 0) return known;
    const record = await signEntry(prepareEntry(this.replica, { statement, nowMs }), this.logKey);
    this.#replica = appendRecord(this.replica, record);
    this.records.push(record);
    return this.records.length - 1;
  }

  /** A statement by keys that the test holds. */
  async state_(body: Body, signers: readonly TestKey[], device: OrgDevice): Promise<void> {
    const draft = { id: newStatementId(this.random), device, body };
    await this.submit(await signStatement(buildStatement(this.state, draft), signers));
  }

  page(from: number, max: number): { records: Uint8Array[]; checkpoint: Uint8Array } {
    const end = Math.min(this.records.length, this.shownSize, from + max);
    return { records: this.records.slice(from, Math.max(from, end)), checkpoint: this.checkpoint };
  }
}

type OrgDevice = Parameters<typeof buildStatement>[1]["device"];
