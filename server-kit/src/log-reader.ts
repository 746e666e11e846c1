import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AckPolicy,
  type Consumer,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";

const heartbeatMs = 5_000;
const pullMs = 30_000;
const pullMessages = 500;
/** The server forgets a consumer whose reader is gone for this long. */
const inactiveNs = 120 * 1e9;
const firstRetryMs = 100;
const longestRetryMs = 5_000;

export interface StreamReaderOptions {
  readonly connection: NatsConnection;
  readonly stream: string;
  readonly filter: string;
  /** Called in stream order, each message once. What it throws ends nothing: it must handle errors. */
  readonly onMessage: (message: JsMsg) => void;
  /** Called when all that the stream held at some moment after the start has been handed over. */
  readonly onCaughtUp: () => void;
  readonly onTrouble: (error: unknown) => void;
}

/**
 * Reads a stream from its first message on, in order and without a gap, until it is disposed. It
 * makes its own consumer, and a new one from where it stands whenever the old one is lost (servers
 * that restart, a delivery that skips): what nats.js calls an ordered consumer, but stored with the
 * file streams, since our servers have no memory storage.
 */
export class StreamReader implements AsyncDisposable {
  readonly #options: StreamReaderOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #lastSequence = 0;
  #messages: ConsumerMessages | undefined;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#messages?.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    let retryMs = firstRetryMs;
    while (!this.#stop.signal.aborted) {
      const before = this.#lastSequence;
      try {
        await this.#readOnce();
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#options.onTrouble(error);
      }
      retryMs = this.#lastSequence > before ? firstRetryMs : Math.min(retryMs * 2, longestRetryMs);
      await sleep(retryMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #readOnce(): Promise<void> {
    const { consumer, waiting } = await this.#openConsumer();
    if (waiting === 0) this.#options.onCaughtUp();
    this.#messages = await consumer.consume({
      max_messages: pullMessages,
      expires: pullMs,
      idle_heartbeat: heartbeatMs,
      abort_on_missing_resource: true,
    });
    if (this.#stop.signal.aborted) await this.#messages.close();
    let delivered = 0;
    for await (const message of this.#messages) {
      delivered += 1;
      // A skipped delivery would look like a log with a hole, that is, like a lying server.
      if (message.info.deliverySequence !== delivered) break;
      this.#lastSequence = message.seq;
      this.#options.onMessage(message);
      if (message.info.pending === 0) this.#options.onCaughtUp();
    }
    await this.#messages.close();
  }

  async #openConsumer(): Promise<{ readonly consumer: Consumer; readonly waiting: number }> {
    const { connection, stream, filter } = this.#options;
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const info = await manager.consumers.add(stream, {
      name: `reader-${randomBytes(12).toString("hex")}`,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.#lastSequence + 1,
      filter_subject: filter,
      inactive_threshold: inactiveNs,
      mem_storage: false,
      num_replicas: 1,
    });
    const consumer = jetstream(connection).consumers.getConsumerFromInfo(info);
    return { consumer, waiting: info.num_pending };
  }
}
