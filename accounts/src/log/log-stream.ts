import type { OrgId } from "@cloister/base";
import { logSubject, streamNames } from "@cloister/proto";
import { isWrongLastSequence, NATS_MAX_PAYLOAD_BYTES } from "@cloister/server-kit";
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamClient,
  JetStreamError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { accountsErrors } from "../errors.ts";
import { LOG_READ_BATCH, PUBLISH_TIMEOUT_MS } from "../limits.ts";

/** The server's code for a stream that has reached its limit and discards new messages. */
const streamFullCodes: readonly number[] = [10077, 10047];

const streamNameInUse = 10058;

export interface StoredRecord {
  /** Encoded LogRecord. */
  readonly record: Uint8Array;
  /** Of the stream, not of the log. */
  readonly sequence: number;
}

export interface LogAppend {
  readonly org: OrgId;
  readonly record: Uint8Array;
  /** Sequence of the org's last record; 0 for none. */
  readonly after: number;
}

export interface LogStreamOptions {
  readonly connection: NatsConnection;
  readonly maxBytes: number;
  readonly replicas: number;
}

/** The stream LOG: one subject an org, one message a record. */
export class LogStream {
  readonly #jetStream: JetStreamClient;
  readonly #manager: JetStreamManager;

  private constructor(jetStream: JetStreamClient, manager: JetStreamManager) {
    this.#jetStream = jetStream;
    this.#manager = manager;
  }

  /** Opens the stream, and makes it where it is missing. What it holds is never deleted nor purged. */
  static async open(options: LogStreamOptions): Promise<LogStream> {
    const manager = await jetstreamManager(options.connection);
    const config = streamConfig(options);
    try {
      await manager.streams.add(config);
    } catch (error) {
      if (!isOtherConfig(error)) throw error;
      await manager.streams.update(config.name, config);
    }
    return new LogStream(jetstream(options.connection), manager);
  }

  /** Stores the record if the org's last one is still `after`; undefined if it is not. */
  async append({ org, record, after }: LogAppend): Promise<number | undefined> {
    try {
      const stored = await this.#jetStream.publish(logSubject(org), record, {
        expect: { streamName: streamNames.log, lastSubjectSequence: after },
        timeout: PUBLISH_TIMEOUT_MS,
      });
      return stored.seq;
    } catch (error) {
      if (isWrongLastSequence(error)) return undefined;
      throw logError(error);
    }
  }

  /** The org's records after a sequence, in order: all that the stream has. */
  async readAfter(org: OrgId, sequence: number): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    let after = sequence;
    for (;;) {
      const { found, pending } = await this.#readBatch(org, after);
      records.push(...found);
      after = found.at(-1)?.sequence ?? after;
      if (pending === 0) return records;
    }
  }

  /** One record by its sequence. */
  async readAt(sequence: number): Promise<Uint8Array> {
    const message = await this.#attempt(() =>
      this.#manager.direct.getMessage(streamNames.log, { seq: sequence }),
    );
    if (message === null) throw accountsErrors.ERR_LOG_UNAVAILABLE("a record cannot be read");
    return Uint8Array.from(message.data);
  }

  /** All orgs that have a log. */
  async subjects(): Promise<string[]> {
    const info = await this.#attempt(() =>
      this.#manager.streams.info(streamNames.log, { subjects_filter: "log.*" }),
    );
    return Object.keys(info.state.subjects ?? {});
  }

  async #readBatch(org: OrgId, after: number) {
    const options = { seq: after + 1, batch: LOG_READ_BATCH, next_by_subj: logSubject(org) };
    const found: StoredRecord[] = [];
    let pending = 0;
    const read = async () => {
      const messages: AsyncIterable<StoredMsg> = await this.#manager.direct.getBatch(
        streamNames.log,
        options,
      );
      for await (const message of messages) {
        found.push({ record: Uint8Array.from(message.data), sequence: message.seq });
        pending = message.pending;
      }
    };
    await this.#attempt(() => inTime(unlessEmpty(read())));
    return { found, pending };
  }

  async #attempt<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      throw logError(error);
    }
  }
}

/** The server answers "not found" where no record follows. */
async function unlessEmpty(read: Promise<void>): Promise<void> {
  try {
    await read;
  } catch (error) {
    if (!(error instanceof JetStreamError && "code" in error && error.code === 404)) throw error;
  }
}

function streamConfig(sizes: LogStreamOptions) {
  return {
    name: streamNames.log,
    subjects: ["log.*"],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_bytes: sizes.maxBytes,
    max_msg_size: NATS_MAX_PAYLOAD_BYTES,
    num_replicas: sizes.replicas,
    allow_direct: true,
    deny_delete: true,
    deny_purge: true,
  };
}

/** The operator has given the stream another size since. */
function isOtherConfig(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === streamNameInUse;
}

function logError(error: unknown): Error {
  if (error instanceof JetStreamApiError && streamFullCodes.includes(error.code)) {
    return accountsErrors.ERR_LOG_FULL("the stream of the logs is full", { cause: error });
  }
  return accountsErrors.ERR_LOG_UNAVAILABLE("the log cannot be reached now", { cause: error });
}

/** A batch whose end is lost with its connection must not be waited for. */
async function inTime(work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the batch did not end")), PUBLISH_TIMEOUT_MS);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
