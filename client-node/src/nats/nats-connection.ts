import { setTimeout as delay } from "node:timers/promises";
import { hasErrorCode } from "@cloister/base";
import type {
  ChunkOutcome,
  Connection,
  ConnectionOptions,
  Inbox,
  InboxOptions,
  OutgoingChunk,
  PublishBatch,
  PublishOutcome,
} from "@cloister/client-core";
import { inboxPrefix, streamNames } from "@cloister/proto";
import type { NatsConnection } from "@nats-io/nats-core";
import { clientNodeErrors } from "../errors.ts";
import { dial } from "./dial.ts";
import { lostOutcome, requestError } from "./nats-errors.ts";
import { NatsInbox } from "./nats-inbox.ts";
import { chunkOutcome, publishOutcome } from "./publish-ack.ts";
import { sendChunk, sendRecords } from "./send-records.ts";

const RECONNECT_FIRST_MS = 100;
const RECONNECT_LAST_MS = 5_000;
/** A server that is gone takes no leave. */
const DRAIN_MS = 2_000;

/**
 * One connection to the relay's NATS that comes back by itself, each time with credentials asked for
 * anew. `onState` tells what happens by itself: not what `open`, `reconnect` and disposing answer.
 * A refused token ends it: whoever holds it begins from the gateway again.
 */
export class RelayConnection implements Connection {
  readonly #options: ConnectionOptions;
  readonly #caPem: string | undefined;
  readonly #inboxes = new Set<NatsInbox>();
  readonly #closing = new AbortController();
  #current: NatsConnection | undefined;
  #redialing: Promise<void> | undefined;

  private constructor(options: ConnectionOptions, caPem: string | undefined) {
    this.#options = options;
    this.#caPem = caPem;
  }

  static async open(
    options: ConnectionOptions,
    caPem: string | undefined,
  ): Promise<RelayConnection> {
    const connection = new RelayConnection(options, caPem);
    await connection.#dial();
    return connection;
  }

  async request(call: {
    readonly subject: string;
    readonly payload: Uint8Array;
    readonly timeoutMs: number;
  }): Promise<Uint8Array> {
    try {
      const options = { timeout: call.timeoutMs };
      return (await this.#require().request(call.subject, call.payload, options)).data;
    } catch (cause) {
      throw requestError(cause);
    }
  }

  async publish(batch: PublishBatch): Promise<PublishOutcome> {
    return await this.#outcome(async (nats) =>
      publishOutcome(await sendRecords(nats, batch), batch.records.length),
    );
  }

  async publishChunk(chunk: OutgoingChunk): Promise<ChunkOutcome> {
    return await this.#outcome(async (nats) => chunkOutcome(await sendChunk(nats, chunk)));
  }

  async getChunk(query: {
    readonly subject: string;
    readonly timeoutMs: number;
  }): Promise<Uint8Array | undefined> {
    const subject = `$JS.API.DIRECT.GET.${streamNames.files}.${query.subject}`;
    try {
      const options = { timeout: query.timeoutMs };
      const reply = await this.#require().request(subject, undefined, options);
      const status = reply.headers?.code ?? 0;
      if (status === 404) return undefined;
      if (status === 0) return reply.data;
      throw clientNodeErrors.ERR_SERVER_UNREACHABLE(`the relay answers with status ${status}`);
    } catch (cause) {
      throw requestError(cause);
    }
  }

  async openInbox(options: InboxOptions): Promise<Inbox> {
    const inbox = new NatsInbox(this.#require(), options, inboxPrefix(this.#options.nkey));
    for (const old of this.#inboxes) if (old.isClosed) this.#inboxes.delete(old);
    this.#inboxes.add(inbox);
    return inbox;
  }

  /** If the first try fails, it throws and goes on trying. */
  async reconnect(): Promise<void> {
    await this.#leave();
    // Whoever was trying anyway may have the old credentials: what came of it does not count.
    await this.#redialing;
    await this.#leave();
    if (this.#closing.signal.aborted) throw ended();
    try {
      await this.#dial();
    } catch (cause) {
      this.#redial();
      throw cause;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const current = this.#current;
    this.#current = undefined;
    await this.#closeInboxes();
    await this.#redialing;
    if (current === undefined || current.isClosed()) return;
    await drainOrLeave(current);
    await current.close();
  }

  #require(): NatsConnection {
    const current = this.#current;
    if (current !== undefined && !current.isClosed()) return current;
    throw clientNodeErrors.ERR_SERVER_UNREACHABLE("no connection to the relay at the moment");
  }

  async #outcome<T extends { readonly kind: string }>(
    send: (nats: NatsConnection) => Promise<T>,
  ): Promise<T | ReturnType<typeof lostOutcome>> {
    const nats = this.#current;
    if (nats === undefined || nats.isClosed()) return { kind: "disconnected" };
    try {
      return await send(nats);
    } catch (cause) {
      return lostOutcome(cause);
    }
  }

  async #leave(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await this.#closeInboxes();
    await current?.close();
  }

  async #dial(): Promise<void> {
    const nats = await dial(this.#options, this.#caPem);
    if (this.#isOver()) {
      await nats.close();
      return;
    }
    this.#current = nats;
    void nats.closed().then((reason) => this.#lost(nats, reason));
  }

  async #lost(nats: NatsConnection, reason: unknown): Promise<void> {
    if (this.#current !== nats) return;
    this.#current = undefined;
    await this.#closeInboxes();
    if (this.#closing.signal.aborted) return;
    this.#tell("disconnected", reason);
    this.#redial();
  }

  #redial(): void {
    this.#redialing ??= this.#untilDialed().finally(() => {
      this.#redialing = undefined;
      // Lost between the last look and this one: nobody else would begin again.
      if (!this.#isOver()) this.#redial();
    });
  }

  async #untilDialed(): Promise<void> {
    const { signal } = this.#closing;
    for (let pauseMs = RECONNECT_FIRST_MS; !this.#isOver(); pauseMs = nextPause(pauseMs)) {
      const jittered = pauseMs * (0.5 + Math.random());
      await delay(jittered, undefined, { signal }).catch(() => undefined);
      if (this.#isOver()) return;
      try {
        await this.#dial();
        if (this.#current !== undefined) this.#options.onState({ kind: "connected" });
      } catch (cause) {
        const isFinal = hasErrorCode(cause, "ERR_CONNECTION_DENIED");
        if (isFinal) this.#closing.abort();
        this.#tell(isFinal ? "closed" : "disconnected", cause);
      }
    }
  }

  #tell(kind: "disconnected" | "closed", cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : "the server closed the connection";
    this.#options.onState({ kind, reason });
  }

  #isOver(): boolean {
    return this.#closing.signal.aborted || this.#current !== undefined;
  }

  async #closeInboxes(): Promise<void> {
    const inboxes = [...this.#inboxes];
    this.#inboxes.clear();
    await Promise.all(inboxes.map((inbox) => inbox[Symbol.asyncDispose]()));
  }
}

/** The timer holds the process: the drain of a connection that was just cut never answers. */
async function drainOrLeave(nats: NatsConnection): Promise<void> {
  const drained = new AbortController();
  const patience = delay(DRAIN_MS, undefined, { signal: drained.signal }).catch(() => undefined);
  await Promise.race([nats.drain().catch(() => undefined), patience]);
  drained.abort();
}

function ended(): Error {
  return clientNodeErrors.ERR_SERVER_UNREACHABLE("the connection has ended for good");
}

function nextPause(pauseMs: number): number {
  return Math.min(RECONNECT_LAST_MS, pauseMs * 2);
}
