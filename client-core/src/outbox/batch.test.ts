import { MAX_TEXT_BYTES, newDeviceId, newRoomId, utf8Bytes } from "@cloister/base";
import { roomsV1 } from "@cloister/proto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_BATCH_ITEM_BYTES, MAX_BATCH_ITEMS } from "../limits.ts";
import { countForBatch, encodeBatch, encodeItems, splitItems, utf8Length } from "./batch.ts";
import { padBatch } from "./padding.ts";

const random = { bytes: (length: number) => new Uint8Array(length).fill(7) };
const head = {
  room: newRoomId(random),
  device: newDeviceId(random),
  counter: 3n,
  previousHash: new Uint8Array(32).fill(1),
  checkpoint: new Uint8Array(1000).fill(2),
};

const item = (text: string): roomsV1.Item => ({
  messageId: new Uint8Array(16),
  sentMs: 5n,
  body: { $case: "text", value: text },
});

describe("batches", () => {
  it("put queued rows together without encoding them anew", () => {
    const rows = [encodeItems([item("a"), item("b")]), encodeItems([item("c")])];
    const batch = roomsV1.Batch.decode(encodeBatch(head, rows));
    expect(batch.items.map(({ body }) => body?.value)).toEqual(["a", "b", "c"]);
    expect(batch.counter).toBe(3n);
  });

  it("keep fields that this version does not know", () => {
    const unknown = Uint8Array.of(0xf2, 0x3f, 2, 8, 9);
    const row = Uint8Array.of(...encodeItems([item("a")]), ...unknown);
    const again = roomsV1.Batch.encode(roomsV1.Batch.decode(encodeBatch(head, [row]))).finish();
    expect(Buffer.from(again).includes(Buffer.from(unknown))).toBe(true);
  });

  it("of the longest text and of the fullest row fit the largest class", () => {
    const [row] = splitItems([item("x".repeat(MAX_TEXT_BYTES))]);
    expect(() => padBatch([encodeBatch(head, [encodeItems(row ?? [])])])).not.toThrow();
    const many = Array.from({ length: 5000 }, () => item("y".repeat(300)));
    for (const each of splitItems(many)) {
      expect(() => padBatch([encodeBatch(head, [encodeItems(each)])])).not.toThrow();
    }
  });

  it("take as many rows as fit, at least one, never too many", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            itemBytes: fc.integer({ min: 1, max: MAX_BATCH_ITEM_BYTES }),
            itemCount: fc.integer({ min: 1, max: MAX_BATCH_ITEMS }),
          }),
          { minLength: 1, maxLength: 30 },
        ),
        (queue) => {
          const count = countForBatch(queue);
          const taken = queue.slice(0, count);
          expect(count).toBeGreaterThan(0);
          if (count > 1) {
            expect(taken.reduce((sum, { itemBytes }) => sum + itemBytes, 0)).toBeLessThanOrEqual(
              MAX_BATCH_ITEM_BYTES,
            );
          }
        },
      ),
    );
  });

  it("count UTF-8 as it is encoded", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(utf8Length(text)).toBe(utf8Bytes(text).length);
      }),
    );
  });
});
