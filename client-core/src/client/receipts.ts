import type { MessageId } from "@cloister/base";
import type { SentMessage } from "../client-types.ts";

export interface Receipt {
  readonly sequence: bigint;
  readonly resent: boolean;
}

/** What became of the messages that were sent since the client was opened. */
export interface Receipts {
  expect(id: MessageId): SentMessage;
  settle(ids: readonly MessageId[], receipt: Receipt): void;
  stored(id: MessageId): Receipt | undefined;
  /** Nothing more will be heard. */
  fail(error: unknown): void;
}

/** So many are remembered; older ones are answered by the history. */
const MAX_REMEMBERED = 100_000;

export function createReceipts(): Receipts {
  const waiting = new Map<MessageId, PromiseWithResolvers<Receipt>>();
  const stored = new Map<MessageId, Receipt>();
  return {
    expect(id) {
      const promise = Promise.withResolvers<Receipt>();
      // Nobody has to wait for it.
      promise.promise.catch(() => undefined);
      waiting.set(id, promise);
      return { id, stored: promise.promise };
    },
    settle(ids, receipt) {
      for (const id of ids) {
        waiting.get(id)?.resolve(receipt);
        waiting.delete(id);
        stored.set(id, receipt);
        if (stored.size > MAX_REMEMBERED) {
          const [oldest] = stored.keys();
          if (oldest !== undefined) stored.delete(oldest);
        }
      }
    },
    stored: (id) => stored.get(id),
    fail(error) {
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    },
  };
}
