import { MAX_MESSAGE_BYTES } from "@cloister/base";
import type { DeliveredRecord, Inbox, InboxOptions, InboxPage } from "@cloister/client-core";
import { createInbox, type Msg, type NatsConnection, type Subscription } from "@nats-io/nats-core";
import { parseAckSubject } from "./ack-subject.ts";
import { PullWindow } from "./pull-window.ts";

/**
 * A pull ends after this. It comes through an import, and the server forgets where its answers go
 * two minutes after the last one.
 */
const PULL_EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 5_000;
const MISSED_HEARTBEATS = 3;
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
  readonly #window: PullWindow;
  readonly #acks = new Map<bigint, string>();
  readonly #watchdog: NodeJS.Timeout;
  #waiting: DeliveredRecord[] = [];
  /** Records that the server still held when it sent the newest; unknown before the first answer. */
  #pending: number | undefined;
  #isAnswered = false;
  #wake: (() => void) | undefined;
  #closed = false;
  #pulls = 0;
  #heardMs = Date.now();

  constructor(connection: NatsConnection, options: InboxOptions, inboxPrefix: string) {
    this.#connection = connection;
    this.#options = options;
    this.#window = new PullWindow({
      maxRecords: MAX_RECORDS_AHEAD,
      maxBytes: options.maxAheadBytes,
      minPullBytes: 2 * MAX_MESSAGE_BYTES,
    });
    this.#prefix = createInbox(inboxPrefix);
    this.#subscription = connection.subscribe(`${this.#prefix}.*`, {
      callback: (error, message) => {
        if (error === null) this.#receive(message);
        else this.#close();
      },
    });
    this.#watchdog = setInterval(() => this.#checkPulse(), HEARTBEAT_MS);
    this.#pull();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  async next(): Promise<InboxPage> {
    while (!this.#closed && !this.#hasPage()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    const records = this.#waiting;
    this.#waiting = [];
    this.#window.taken();
    this.#isAnswered = true;
    this.#pull();
    return { records, isDrained: this.#pending === 0, isEnded: this.#closed };
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

  /** The very first page may be empty: it says that nothing waits. */
  #hasPage(): boolean {
    return this.#waiting.length > 0 || (!this.#isAnswered && this.#pending === 0);
  }

  #receive(message: Msg): void {
    this.#heardMs = Date.now();
    const status = message.headers?.code ?? 0;
    if (status !== 0) this.#receiveStatus(status, message);
    else if (message.reply !== undefined) this.#deliver(message, message.reply);
  }

  #deliver(message: Msg, reply: string): void {
    const delivery = parseAckSubject(reply);
    if (delivery === undefined) return;
    const { sequence, pending } = delivery;
    this.#pending = pending;
    this.#acks.set(sequence, reply);
    this.#window.arrived(message.data.length);
    this.#waiting.push({ subject: message.subject, sequence, payload: message.data });
    this.#notify();
  }

  /**
   * 100 is a heartbeat; 404, 408 and a 409 that counts what it left out end one pull. Whatever else
   * comes means that the consumer is gone.
   */
  #receiveStatus(status: number, message: Msg): void {
    if (status === 100) return;
    const left = message.headers?.get("Nats-Pending-Messages") ?? "";
    const isEndOfPull = status === 404 || status === 408 || (status === 409 && left !== "");
    if (!isEndOfPull) return this.#close();
    if (status === 404 && this.#pending === undefined) {
      this.#pending = 0;
      this.#notify();
    }
    this.#window.ended(/^\d{1,9}$/.test(left) ? Number(left) : undefined);
    this.#pull();
  }

  #pull(): void {
    // The first asks only for what is there, so that it is answered even if nothing is; it ends
    // without saying what it left out, so that it goes alone.
    const isFirst = this.#pulls === 0;
    const isAlone = isFirst || this.#pulls > 1 || this.#window.dueRecords === 0;
    const pull = this.#closed || !isAlone ? undefined : this.#window.nextPull();
    if (pull === undefined) return;
    this.#pulls += 1;
    this.#heardMs = Date.now();
    const waiting = isFirst
      ? { no_wait: true }
      : { expires: nanoseconds(PULL_EXPIRES_MS), idle_heartbeat: nanoseconds(HEARTBEAT_MS) };
    const { stream, consumer } = this.#options;
    this.#connection.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      JSON.stringify({ batch: pull.records, max_bytes: pull.bytes, ...waiting }),
      { reply: `${this.#prefix}.${this.#pulls}` },
    );
  }

  /** A server that has lost the consumer says nothing at all. Nothing is to be heard unless asked. */
  #checkPulse(): void {
    const silentMs = Date.now() - this.#heardMs;
    const isDue = this.#window.dueRecords > 0;
    if (isDue && silentMs > MISSED_HEARTBEATS * HEARTBEAT_MS) this.#close();
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
