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
import {
  type Authenticator,
  headers,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  PermissionViolationError,
  RequestError,
  TimeoutError,
} from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { clientNodeErrors } from "../errors.ts";
import { NatsInbox } from "./nats-inbox.ts";
import { chunkOutcome, publishOutcome } from "./publish-ack.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_FIRST_MS = 100;
const RECONNECT_LAST_MS = 5_000;

/**
 * One connection to the relay's NATS that comes back by itself, each time with credentials asked for
 * anew. The client below is never told to reconnect: its token would be the old one.
 */
export class RelayConnection implements Connection {
  readonly #options: ConnectionOptions;
  readonly #caPem: string | undefined;
  readonly #inboxes = new Set<Inbox>();
  #current: NatsConnection | undefined;
  #closed = false;
  #retry: AbortController | undefined;

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
      const reply = await this.#require().request(call.subject, call.payload, {
        timeout: call.timeoutMs,
      });
      return reply.data;
    } catch (cause) {
      throw requestError(cause);
    }
  }

  async publish(batch: PublishBatch): Promise<PublishOutcome> {
    const guard: readonly [string, string][] = [
      ["Nats-Expected-Last-Subject-Sequence", String(batch.fenceSequence)],
      ["Nats-Expected-Last-Subject-Sequence-Subject", batch.fenceSubject],
    ];
    return await this.#outcome(async (nats) => {
      const reply = await sendRecords(nats, batch, guard);
      return publishOutcome(reply, batch.records.length);
    });
  }

  async publishChunk(chunk: OutgoingChunk): Promise<ChunkOutcome> {
    return await this.#outcome(async (nats) => {
      const reply = await nats.request(chunk.subject, chunk.payload, {
        timeout: chunk.timeoutMs,
        headers: headersOf([
          ["Nats-Msg-Id", chunk.messageId],
          ["Nats-Expected-Last-Subject-Sequence", "0"],
        ]),
      });
      return chunkOutcome(reply);
    });
  }

  async getChunk(query: {
    readonly subject: string;
    readonly timeoutMs: number;
  }): Promise<Uint8Array | undefined> {
    const subject = `$JS.API.DIRECT.GET.${streamNames.files}.${query.subject}`;
    try {
      const nats = this.#require();
      const reply = await nats.request(subject, undefined, { timeout: query.timeoutMs });
      return reply.headers?.code === 404 ? undefined : reply.data;
    } catch (cause) {
      throw requestError(cause);
    }
  }

  async openInbox(options: InboxOptions): Promise<Inbox> {
    const inbox = new NatsInbox(this.#require(), options, inboxPrefix(this.#options.nkey));
    this.#inboxes.add(inbox);
    return inbox;
  }

  /** The loss that follows is repaired like any other, with fresh credentials. */
  async reconnect(): Promise<void> {
    await this.#current?.close();
    if (this.#current === undefined && !this.#closed) await this.#dial();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#retry?.abort();
    await this.#closeInboxes();
    const current = this.#current;
    this.#current = undefined;
    if (current !== undefined && !current.isClosed()) await current.drain();
  }

  #require(): NatsConnection {
    const current = this.#current;
    if (current !== undefined && !current.isClosed()) return current;
    throw clientNodeErrors.ERR_SERVER_UNREACHABLE("no connection to the relay at the moment");
  }

  async #outcome<T extends { readonly kind: string }>(
    send: (nats: NatsConnection) => Promise<T>,
  ): Promise<T | { kind: "disconnected" } | { kind: "timeout" } | { kind: "denied" }> {
    const nats = this.#current;
    if (nats === undefined || nats.isClosed()) return { kind: "disconnected" };
    try {
      return await send(nats);
    } catch (cause) {
      if (violationIn(cause)) return { kind: "denied" };
      if (cause instanceof TimeoutError) return { kind: "timeout" };
      return { kind: "disconnected" };
    }
  }

  async #dial(): Promise<void> {
    const { jwt } = await this.#options.credentials();
    const nats = await connect({
      servers: [...this.#options.urls],
      authenticator: authenticatorOf(this.#options, jwt),
      inboxPrefix: inboxPrefix(this.#options.nkey),
      timeout: CONNECT_TIMEOUT_MS,
      reconnect: false,
      pingInterval: 20_000,
      maxPingOut: 2,
      tls: tlsOptions(this.#caPem),
    }).catch((cause: unknown) => {
      throw clientNodeErrors.ERR_SERVER_UNREACHABLE("the relay cannot be reached", { cause });
    });
    if (this.#closed) {
      await nats.close();
      return;
    }
    this.#current = nats;
    this.#options.onState({ kind: "connected" });
    void nats.closed().then((reason) => this.#lost(nats, reason));
  }

  async #lost(nats: NatsConnection, reason: unknown): Promise<void> {
    if (this.#current !== nats) return;
    this.#current = undefined;
    await this.#closeInboxes();
    if (this.#closed) return;
    const text = reason instanceof Error ? reason.name : "closed";
    this.#options.onState({ kind: "disconnected", reason: text });
    await this.#redial();
  }

  async #redial(): Promise<void> {
    const retry = new AbortController();
    this.#retry = retry;
    for (let pauseMs = RECONNECT_FIRST_MS; !this.#isOver(); pauseMs = nextPause(pauseMs)) {
      await pause(pauseMs * (0.5 + Math.random()), retry.signal);
      if (this.#isOver()) return;
      try {
        await this.#dial();
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : "unknown";
        this.#options.onState({ kind: "disconnected", reason });
      }
    }
  }

  #isOver(): boolean {
    return this.#closed || this.#current !== undefined;
  }

  async #closeInboxes(): Promise<void> {
    const inboxes = [...this.#inboxes];
    this.#inboxes.clear();
    await Promise.all(inboxes.map((inbox) => inbox[Symbol.asyncDispose]()));
  }
}

/** One record is a plain publish; several are an atomic batch that the last one commits. */
async function sendRecords(
  nats: NatsConnection,
  batch: PublishBatch,
  guard: readonly (readonly [string, string])[],
): Promise<Msg> {
  const batchId = batch.records[0]?.messageId ?? "";
  const isBatch = batch.records.length > 1;
  for (const [index, record] of batch.records.entries()) {
    const isLast = index === batch.records.length - 1;
    const fields: [string, string][] = [["Nats-Msg-Id", record.messageId]];
    if (index === 0) fields.push(...guard.map(([name, value]): [string, string] => [name, value]));
    if (isBatch) {
      fields.push(["Nats-Batch-Id", batchId], ["Nats-Batch-Sequence", String(index + 1)]);
      if (isLast) fields.push(["Nats-Batch-Commit", "1"]);
    }
    const options = { headers: headersOf(fields) };
    if (isLast) {
      return await nats.request(batch.subject, record.payload, {
        ...options,
        timeout: batch.timeoutMs,
      });
    }
    nats.publish(batch.subject, record.payload, options);
  }
  throw clientNodeErrors.ERR_SERVER_UNREACHABLE("an empty batch was to be published");
}

function headersOf(fields: readonly (readonly [string, string])[]): MsgHdrs {
  const made = headers();
  for (const [name, value] of fields) made.set(name, value);
  return made;
}

/** Signs the server's nonce. The token by itself is of no use to whoever reads it. */
function authenticatorOf(options: ConnectionOptions, jwt: string): Authenticator {
  return (nonce) => {
    const signature = options.signNonce(Buffer.from(nonce ?? ""));
    if (signature instanceof Promise) {
      throw clientNodeErrors.ERR_SERVER_UNREACHABLE(
        "the nkey has to sign at once on this platform",
      );
    }
    return { nkey: options.nkey, jwt, sig: Buffer.from(signature).toString("base64url") };
  };
}

/** Node's TLS takes more options than the client's type names. */
function tlsOptions(caPem: string | undefined): { ca?: string } {
  const options = { minVersion: "TLSv1.3", ...(caPem === undefined ? {} : { ca: caPem }) };
  return options;
}

function violationIn(cause: unknown): boolean {
  return (
    cause instanceof PermissionViolationError ||
    (cause instanceof RequestError && cause.cause instanceof PermissionViolationError)
  );
}

function requestError(cause: unknown): unknown {
  if (violationIn(cause)) {
    return clientNodeErrors.ERR_CONNECTION_DENIED("the relay refuses this subject", { cause });
  }
  if (
    cause instanceof TimeoutError ||
    (cause instanceof RequestError && cause.cause instanceof TimeoutError)
  ) {
    return clientNodeErrors.ERR_SERVER_TIMEOUT("the relay did not answer in time", { cause });
  }
  if (cause instanceof Error && cause.name === "CloisterError") return cause;
  return clientNodeErrors.ERR_SERVER_UNREACHABLE("the relay does not answer", { cause });
}

function nextPause(pauseMs: number): number {
  return Math.min(RECONNECT_LAST_MS, pauseMs * 2);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}
