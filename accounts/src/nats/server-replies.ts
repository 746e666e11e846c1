import { createInbox, type NatsConnection } from "@nats-io/nats-core";

/** Longest answer of a server that is read. */
const maxReplyBytes = 1_048_576;

export interface GatherOptions {
  readonly connection: NatsConnection;
  /** The inbox prefix of the connection's user: it may subscribe nothing else. */
  readonly inboxPrefix: string;
  readonly subject: string;
  readonly payload: Uint8Array | string;
  readonly timeoutMs: number;
  /** Called with each answer, parsed; true ends the gathering. */
  readonly onReply: (reply: unknown) => boolean;
}

/** Asks all servers at once and takes their answers; false if the time ran out first. */
export async function gatherReplies(options: GatherOptions): Promise<boolean> {
  const { connection, subject, payload, timeoutMs, onReply } = options;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const inbox = createInbox(options.inboxPrefix);
  const subscription = connection.subscribe(inbox, {
    callback: (error, message) => {
      if (error !== null || message.data.length > maxReplyBytes) return;
      if (onReply(parseJson(message.data))) resolve(true);
    },
  });
  const timer = setTimeout(() => resolve(false), timeoutMs);
  try {
    connection.publish(subject, payload, { reply: inbox });
    return await promise;
  } finally {
    clearTimeout(timer);
    subscription.unsubscribe();
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** A field of what a server said; undefined where it is missing or not an object. */
export function fieldOf(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}
