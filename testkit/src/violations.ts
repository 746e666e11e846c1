import { setImmediate as turn } from "node:timers/promises";
import { inboxPrefix } from "@cloister/proto";
import { type NatsConnection, PermissionViolationError } from "@nats-io/nats-core";
import type { TestUser } from "./nats.ts";

export interface Violation {
  readonly operation: string;
  readonly subject: string;
}

/** Collects what the server refused this connection. */
export class Violations {
  readonly list: Violation[] = [];
  readonly #connection: NatsConnection;
  readonly #reply: string;

  constructor({ connection, pair }: TestUser) {
    this.#connection = connection;
    this.#reply = `${inboxPrefix(pair.publicKey)}.x`;
    void this.#watch();
  }

  /** True if the server refused a publish on `subject`. */
  async refusesPublish(subject: string, payload: string | Uint8Array = ""): Promise<boolean> {
    const before = this.list.length;
    this.#connection.publish(subject, payload, { reply: this.#reply });
    await this.#settle();
    return this.list
      .slice(before)
      .some((entry) => entry.operation === "publish" && entry.subject === subject);
  }

  /** True if the server refused a subscription to `subject`. */
  async refusesSubscribe(subject: string, queue?: string): Promise<boolean> {
    const before = this.list.length;
    const subscription = this.#connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: () => undefined,
    });
    await this.#settle();
    subscription.unsubscribe();
    return this.list
      .slice(before)
      .some((entry) => entry.operation === "subscription" && entry.subject === subject);
  }

  async #settle(): Promise<void> {
    // The server answers in order: its refusal comes before the answer to the flush.
    await this.#connection.flush();
    await turn();
    await turn();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type !== "error" || !(status.error instanceof PermissionViolationError)) continue;
      const { operation, subject } = status.error;
      this.list.push({ operation, subject });
    }
  }
}
