import type { DeliveredRecord, Inbox, InboxOptions, InboxPage } from "@cloister/client-core";
import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import { createInbox } from "@nats-io/nats-core";

/** A pull ends after this; the server's heartbeats come at half of it. */
const PULL_EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 5_000;
const MAX_RECORDS_AHEAD = 512;

const nanoseconds = (ms: number): number => ms * 1_000_000;

/**
 * The device's own durable consumer, pulled without asking for its info, which it may not. What is
 * fetched ahead is bounded in records and bytes; the next pull goes out when half has been taken.
 */
export class NatsInbox implements Inbox {
  readonly #connection: NatsConnection;
  readonly #options: InboxOptions;
  readonly #prefix: string;
  readonly #subscription: Subscription;
  readonly #acks = new Map<bigint, string>();
  #waiting: DeliveredRecord[] = [];
  /** Records that the server still held when it sent the newest; unknown before the first answer. */
  #pending: number | undefined;
  #isAnswered = false;
  #wake: (() => void) | undefined;
  #closed = false;
  #pull = 0;
  #dueRecords = 0;
  #heardMs = Date.now();
  readonly #watchdog: NodeJS.Timeout;

  constructor(connection: NatsConnection, options: InboxOptions, inboxPrefix: string) {
    this.#connection = connection;
    this.#options = options;
    this.#prefix = createInbox(inboxPrefix);
    this.#subscription = connection.subscribe(`${this.#prefix}.*`, {
      callback: (error, message) => {
        if (error === null) this.#receive(message);
        else this.#close();
      },
    });
    this.#watchdog = setInterval(() => this.#checkPulse(), HEARTBEAT_MS);
    this.#requestMore();
  }

  async next(): Promise<InboxPage> {
    while (!this.#closed && !this.#hasPage()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    const records = this.#waiting;
    this.#waiting = [];
    this.#isAnswered = true;
    if (!this.#closed && this.#dueRecords <= MAX_RECORDS_AHEAD / 2) this.#requestMore();
    return { records, isDrained: this.#pending === 0, isEnded: this.#closed };
  }

  /** The very first page may be empty: it says that nothing waits. */
  #hasPage(): boolean {
    return this.#waiting.length > 0 || (!this.#isAnswered && this.#pending === 0);
  }

  ack(records: readonly DeliveredRecord[]): void {
    if (this.#connection.isClosed()) return;
    for (const { sequence } of records) {
      const reply = this.#acks.get(sequence);
      this.#acks.delete(sequence);
      if (reply !== undefined) this.#connection.publish(reply, "+ACK");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
  }

  #receive(message: Msg): void {
    this.#heardMs = Date.now();
    const status = message.headers?.code ?? 0;
    const isStatus = status !== 0 && message.data.length === 0;
    if (isStatus) this.#receiveStatus(status, message);
    else if (message.reply !== undefined) this.#deliver(message, message.reply);
  }

  #deliver(message: Msg, reply: string): void {
    const delivery = parseAckSubject(reply);
    if (delivery === undefined) return;
    const { sequence } = delivery;
    this.#pending = delivery.pending;
    this.#dueRecords = Math.max(0, this.#dueRecords - 1);
    this.#acks.set(sequence, reply);
    this.#waiting.push({ subject: message.subject, sequence, payload: message.data });
    this.#notify();
  }

  /** 100 heartbeat; 404, 408 and the 409 that end one pull; every other 409: the consumer is gone. */
  #receiveStatus(status: number, message: Msg): void {
    if (status === 100) return;
    const isCurrent = message.subject === `${this.#prefix}.${this.#pull}`;
    const endsPull = status === 404 || status === 408 || isByteLimit(message);
    if (status === 404 && this.#pending === undefined) {
      this.#pending = 0;
      this.#notify();
    }
    if (!endsPull) this.#close();
    else if (isCurrent) {
      this.#dueRecords = 0;
      if (this.#waiting.length < MAX_RECORDS_AHEAD / 2) this.#requestMore();
    }
  }

  #requestMore(): void {
    this.#pull += 1;
    const { stream, consumer, maxAheadBytes } = this.#options;
    const batch = MAX_RECORDS_AHEAD - this.#waiting.length;
    if (batch <= 0) return;
    this.#dueRecords = batch;
    const body = {
      batch,
      max_bytes: maxAheadBytes,
      // The first pull asks only for what is there, so that it is answered even if nothing is.
      ...(this.#pull === 1
        ? { no_wait: true }
        : { expires: nanoseconds(PULL_EXPIRES_MS), idle_heartbeat: nanoseconds(HEARTBEAT_MS) }),
    };
    this.#connection.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      JSON.stringify(body),
      { reply: `${this.#prefix}.${this.#pull}` },
    );
  }

  /** A server that has lost the consumer says nothing at all: silence ends the inbox. */
  #checkPulse(): void {
    if (Date.now() - this.#heardMs > 3 * HEARTBEAT_MS) this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watchdog);
    if (!this.#connection.isClosed()) this.#subscription.unsubscribe();
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** "409 Message Size Exceeds MaxBytes": the pull is over, the consumer is well. */
function isByteLimit(message: Msg): boolean {
  return message.headers?.code === 409 && message.headers.has("Nats-Pending-Messages");
}

/**
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`, or v2 with
 * domain and account before the stream.
 */
function parseAckSubject(
  reply: string,
): { readonly sequence: bigint; readonly pending: number } | undefined {
  const tokens = reply.split(".");
  const shift = tokens.length >= 11 ? 2 : 0;
  const sequence = tokens[5 + shift];
  const pending = tokens[8 + shift];
  if (sequence === undefined || !/^\d{1,19}$/.test(sequence)) return undefined;
  return { sequence: BigInt(sequence), pending: Number(pending) };
}
