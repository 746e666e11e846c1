import type { RoomId } from "@cloister/base";
import type { Client, RoomMessage } from "@cloister/client-core";

/** What a room shows on a device, from its beginning, as a reader of its history sees it. */
export async function shownIn(client: Client, room: RoomId): Promise<RoomMessage[]> {
  const shown: RoomMessage[] = [];
  const opened = await client.room(room);
  for await (const message of opened.messages({ live: false })) shown.push(message);
  return shown;
}

export function textsOf(messages: readonly RoomMessage[]): string[] {
  return messages.flatMap(({ body }) => (body.kind === "text" ? [body.text] : []));
}

/** Reads as an open window does, from one opening to the next, and remembers all that it was shown. */
export class Reader {
  readonly shown: RoomMessage[] = [];
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** What ended the reading, if anything did. */
  error: Error | undefined;

  static follow(client: Client, room: RoomId, after?: string): Reader {
    const reader = new Reader();
    reader.#running = reader.#read(client, room, after);
    reader.#running.catch((error: unknown) => {
      reader.error = error instanceof Error ? error : new Error("the reading failed");
    });
    return reader;
  }

  get texts(): string[] {
    return textsOf(this.shown);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #read(client: Client, room: RoomId, after: string | undefined): Promise<void> {
    const { signal } = this.#stopping;
    const opened = await client.room(room);
    for await (const message of opened.messages({ after, signal })) this.shown.push(message);
  }
}

/** Waits until it holds; says what it waited for when it does not. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Settles in time or says what was waited for, and how things stand. */
export async function inTime<T>(
  what: string,
  promise: Promise<T>,
  options: { readonly timeoutMs?: number; readonly standing?: () => string } = {},
): Promise<T> {
  const { timeoutMs = 30_000, standing } = options;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`not in time: ${what}\n${standing?.() ?? ""}`));
  }, timeoutMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
