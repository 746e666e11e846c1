import { createHash, randomBytes } from "node:crypto";
import { idBytes, newDeviceId, newMessageId, newRoomId } from "@cloister/base";
import { expect, test } from "vitest";
import { encodeBatch, encodeItems } from "../outbox/batch.ts";
import { flightRow, parseFlight } from "./rows.ts";
import type { Flight, QueueRow } from "./state.ts";

const random = { bytes: (length: number) => Uint8Array.from(randomBytes(length)) };
const sha256 = (data: Uint8Array) => Uint8Array.from(createHash("sha256").update(data).digest());
const room = newRoomId(random);

function queued(row: number): QueueRow {
  const messageId = newMessageId(random);
  const text = `text of row ${row}`;
  const body = { $case: "text", value: text } as const;
  const items = encodeItems([{ messageId: idBytes(messageId), sentMs: 1n, body }]);
  return { row, items, itemBytes: items.length, itemCount: 1, ids: [messageId] };
}

function flightOf(rows: readonly QueueRow[]): Flight {
  const head = {
    room,
    device: newDeviceId(random),
    counter: 7n,
    previousHash: random.bytes(32),
    checkpoint: random.bytes(200),
  };
  const batch = encodeBatch(
    head,
    rows.map(({ items }) => items),
  );
  const payload = random.bytes(900);
  return {
    counter: 7n,
    rows,
    batch,
    hash: sha256(batch),
    epoch: 3n,
    payload,
    digest: sha256(payload),
    messageId: "00".repeat(16),
    state: "ready",
    tries: 2,
  };
}

test("a flight comes back byte for byte, from its own row and the queue's", () => {
  const queue = [1, 2, 3, 4].map(queued);
  const flight = flightOf(queue.slice(1, 3));
  const { value } = flightRow(room, flight);
  const parsed = parseFlight(value, queue, sha256);
  expect(Buffer.from(parsed.batch)).toEqual(Buffer.from(flight.batch));
  expect(Buffer.from(parsed.hash)).toEqual(Buffer.from(flight.hash));
  expect(Buffer.from(parsed.payload)).toEqual(Buffer.from(flight.payload));
  expect(parsed.rows.map(({ row }) => row)).toEqual([2, 3]);
  expect(parsed).toMatchObject({ counter: 7n, epoch: 3n, tries: 2, state: "ready" });
});

test("the row does not hold the text a second time", () => {
  const queue = [queued(1)];
  const { value } = flightRow(room, flightOf(queue));
  expect(Buffer.from(value).includes("text of row 1")).toBe(false);
});

test("a flight whose rows are gone is a damaged store, not a shorter batch", () => {
  const queue = [1, 2].map(queued);
  const { value } = flightRow(room, flightOf(queue));
  expect(() => parseFlight(value, queue.slice(1), sha256)).toThrow(
    expect.objectContaining({ code: "ERR_STORE_FORMAT" }),
  );
});
