import { natsStatusOf, reportOf } from "@cloister/base";
import { encodeErrorReply, type MethodAccess, type MethodName } from "@cloister/proto";
import { headers, type Msg, type NatsConnection, type Subscription } from "@nats-io/nats-core";
import type { Answer, Dispatch } from "./dispatch.ts";
import { rpcErrors } from "./rpc-errors.ts";

/** Calls that one process works on at the same time; more are told to come again. */
export const MAX_CALLS_IN_FLIGHT = 256;

/** What a subject, as the server delivered it, says of a call. */
export interface SubjectFacts<Caller> {
  readonly method: string;
  readonly caller: Caller;
}

export interface NatsServiceOptions<Facts, Caller> {
  readonly connection: NatsConnection;
  /** Such as `accounts.v1.*.*.*`. */
  readonly subject: string;
  /** Processes of one queue share the calls. */
  readonly queue: string;
  /** Undefined for a subject that is none of the service's. */
  readonly parseSubject: (subject: string) => SubjectFacts<Facts> | undefined;
  /** Checks the caller that the subject names against the method's access rule; throws. */
  readonly admit: (
    facts: Facts,
    access: MethodAccess,
    method: MethodName,
  ) => Promise<Caller> | Caller;
  readonly dispatch: Dispatch<Caller>;
  readonly maxInFlight?: number;
}

/** A service over NATS; disposing it answers what it has begun, then lets go. */
export class NatsService<Facts, Caller> implements AsyncDisposable {
  readonly #options: NatsServiceOptions<Facts, Caller>;
  readonly #subscription: Subscription;
  readonly #inFlight = new Set<Promise<void>>();

  constructor(options: NatsServiceOptions<Facts, Caller>) {
    this.#options = options;
    this.#subscription = options.connection.subscribe(options.subject, {
      queue: options.queue,
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#options.connection.isClosed()) await this.#subscription.drain();
    await Promise.all(this.#inFlight);
  }

  #take(message: Msg): void {
    // Nobody waits for it, and whoever calls through an export does: what has no reply subject may
    // be an answer that somebody had the server write onto the service's own subject.
    if (message.reply === undefined || message.reply === "") return;
    if (this.#inFlight.size >= (this.#options.maxInFlight ?? MAX_CALLS_IN_FLIGHT)) {
      respond(message, refusal(rpcErrors.ERR_RPC_BUSY("too many calls at once")));
      return;
    }
    const work = this.#answer(message).finally(() => this.#inFlight.delete(work));
    this.#inFlight.add(work);
  }

  async #answer(message: Msg): Promise<void> {
    const { parseSubject, admit, dispatch } = this.#options;
    const facts = parseSubject(message.subject);
    if (facts === undefined) return respond(message, refusal(unknownMethod()));
    const answer = await dispatch({
      method: facts.method,
      // The client library reuses its buffers.
      payload: Uint8Array.from(message.data),
      admit: (access, method) => admit(facts.caller, access, method),
    });
    respond(message, answer);
  }
}

function unknownMethod(): Error {
  return rpcErrors.ERR_RPC_METHOD("no such method");
}

function refusal(error: unknown): Answer {
  return { reply: encodeErrorReply(error), error: reportOf(error) };
}

function respond(message: Msg, answer: Answer): void {
  if (answer.error === undefined) {
    message.respond(answer.reply);
    return;
  }
  const head = headers();
  head.set("Nats-Service-Error-Code", String(natsStatusOf(answer.error.kind)));
  head.set("Nats-Service-Error", answer.error.code);
  message.respond(answer.reply, { headers: head });
}
