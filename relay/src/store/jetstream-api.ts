import { natsError } from "@cloister/server-kit";
import { headers, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { relayErrors } from "../errors.ts";
import { STORE_TIMEOUT_MS } from "../limits.ts";
import { isStoreProblem, storeError } from "./store-error.ts";

export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly header: (name: string) => string;
}

export interface PublishOptions {
  /** The stream's last sequence on this subject must be this; 0: the subject must be empty. */
  readonly expectedLastSequence?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface StreamFacts {
  readonly lastSequence: number;
  readonly bytes: number;
  readonly maxBytes: number;
  /** Messages of each subject that the question named. */
  readonly subjects: ReadonlyMap<string, number>;
}

interface ApiAnswer {
  readonly error?: {
    readonly code: number;
    readonly err_code: number;
    readonly description: string;
  };
}

/**
 * JetStream of one account, over plain requests: exactly the calls that the relay's scope allows.
 * Reads are direct gets, so they come as bytes and not as base64 in JSON.
 */
export class JetStreamApi {
  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  /** Creates the stream, or brings it to this configuration. */
  async ensureStream(config: { readonly name: string }): Promise<void> {
    try {
      await this.call(`STREAM.CREATE.${config.name}`, config);
    } catch (error) {
      if (!isStoreProblem(error, "stream-exists")) throw error;
      await this.call(`STREAM.UPDATE.${config.name}`, config);
    }
  }

  async streamFacts(stream: string, subjectsFilter?: string): Promise<StreamFacts> {
    const subjects = new Map<string, number>();
    let facts: StreamFacts | undefined;
    // The server answers with at most 100,000 subjects at a time.
    for (let offset = 0; ; ) {
      const question =
        subjectsFilter === undefined ? {} : { subjects_filter: subjectsFilter, offset };
      const info = (await this.call(`STREAM.INFO.${stream}`, question)) as StreamInfoAnswer;
      const page = Object.entries(info.state.subjects ?? {});
      for (const [subject, count] of page) subjects.set(subject, count);
      facts = {
        lastSequence: info.state.last_seq,
        bytes: info.state.bytes,
        maxBytes: info.config.max_bytes,
        subjects,
      };
      offset += page.length;
      if (page.length === 0 || offset >= (info.total ?? 0)) return facts;
    }
  }

  /** The newest message on a subject without wildcards. */
  async last(stream: string, subject: string): Promise<StoredMessage | undefined> {
    return this.#get(`$JS.API.DIRECT.GET.${stream}.${subject}`, "");
  }

  /** The first message from a sequence on whose subject matches. */
  async next(
    stream: string,
    from: { readonly sequence: number; readonly subject: string },
  ): Promise<StoredMessage | undefined> {
    const body = JSON.stringify({ seq: from.sequence, next_by_subj: from.subject });
    return this.#get(`$JS.API.DIRECT.GET.${stream}`, body);
  }

  async at(stream: string, sequence: number): Promise<StoredMessage | undefined> {
    return this.#get(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify({ seq: sequence }));
  }

  /** Stores, and answers after it is on disk. Throws ERR_RELAY_STORE_SEQUENCE where another came first. */
  async publish(subject: string, data: Uint8Array, options: PublishOptions = {}): Promise<number> {
    const head = headers();
    for (const [name, value] of Object.entries(options.headers ?? {})) head.set(name, value);
    if (options.expectedLastSequence !== undefined) {
      head.set("Nats-Expected-Last-Subject-Sequence", String(options.expectedLastSequence));
    }
    const answer = await this.#request(subject, { data, headers: head });
    const ack = parseAnswer<ApiAnswer & { readonly seq?: number }>(answer);
    if (ack.error !== undefined) throw storeError(ack.error);
    if (ack.seq === undefined) throw relayErrors.ERR_RELAY_STORE("the store gave no sequence");
    return ack.seq;
  }

  /** Removes every message on a subject. */
  async purge(stream: string, subject: string): Promise<void> {
    await this.call(`STREAM.PURGE.${stream}`, { filter: subject });
  }

  async call(method: string, body: object): Promise<unknown> {
    const data = Buffer.from(JSON.stringify(body));
    const answer = parseAnswer<ApiAnswer>(await this.#request(`$JS.API.${method}`, { data }));
    if (answer.error !== undefined) throw storeError(answer.error);
    return answer;
  }

  async #get(subject: string, body: string): Promise<StoredMessage | undefined> {
    const message = await this.#request(subject, { data: Buffer.from(body) });
    const status = message.headers?.code ?? 0;
    if (status === 404) return undefined;
    if (status !== 0 || message.headers === undefined) {
      throw relayErrors.ERR_RELAY_STORE("the store refused a read", { details: { status } });
    }
    const head = message.headers;
    return {
      subject: head.get("Nats-Subject"),
      sequence: Number(head.get("Nats-Sequence")),
      data: Uint8Array.from(message.data),
      header: (name) => head.get(name),
    };
  }

  async #request(
    subject: string,
    message: { readonly data: Uint8Array; readonly headers?: ReturnType<typeof headers> },
  ): Promise<Msg> {
    try {
      return await this.#connection.request(subject, message.data, {
        timeout: STORE_TIMEOUT_MS,
        ...(message.headers === undefined ? {} : { headers: message.headers }),
      });
    } catch (error) {
      throw natsError(error);
    }
  }
}

interface StreamInfoAnswer {
  readonly total?: number;
  readonly config: { readonly max_bytes: number };
  readonly state: {
    readonly last_seq: number;
    readonly bytes: number;
    readonly subjects?: Readonly<Record<string, number>>;
  };
}

/** The server is ours; what it answers is JSON of a known shape, or the store is broken. */
function parseAnswer<Answer>(message: Msg): Answer {
  try {
    return message.json<Answer>();
  } catch (cause) {
    throw relayErrors.ERR_RELAY_STORE("the store's answer is not JSON", { cause });
  }
}
