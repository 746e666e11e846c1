import type { OutgoingChunk, PublishBatch } from "@cloister/client-core";
import { headers, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { clientNodeErrors } from "../errors.ts";

type Fields = Readonly<Record<string, string>>;

/** One record is a plain publish; several are an atomic batch that the last one commits. */
export async function sendRecords(nats: NatsConnection, batch: PublishBatch): Promise<Msg> {
  const { subject, records, timeoutMs: timeout } = batch;
  const last = records.at(-1);
  if (last === undefined) throw clientNodeErrors.ERR_BATCH_EMPTY("no record to publish");
  for (const [index, { payload }] of records.slice(0, -1).entries()) {
    nats.publish(subject, payload, { headers: recordHeaders(batch, index) });
  }
  const options = { timeout, headers: recordHeaders(batch, records.length - 1) };
  return await nats.request(subject, last.payload, options);
}

/** A chunk goes only where none is yet. */
export async function sendChunk(nats: NatsConnection, chunk: OutgoingChunk): Promise<Msg> {
  return await nats.request(chunk.subject, chunk.payload, {
    timeout: chunk.timeoutMs,
    headers: headersOf({
      "Nats-Msg-Id": chunk.messageId,
      "Nats-Expected-Last-Subject-Sequence": "0",
    }),
  });
}

/** The fence stands in the first record: a batch is stored as a whole or not at all. */
function recordHeaders(batch: PublishBatch, index: number): MsgHdrs {
  const { records, fenceSequence, fenceSubject } = batch;
  const isLast = index === records.length - 1;
  const fence: Fields = {
    "Nats-Expected-Last-Subject-Sequence": String(fenceSequence),
    "Nats-Expected-Last-Subject-Sequence-Subject": fenceSubject,
  };
  const place: Fields = {
    "Nats-Batch-Id": records[0]?.messageId ?? "",
    "Nats-Batch-Sequence": String(index + 1),
    ...(isLast ? { "Nats-Batch-Commit": "1" } : {}),
  };
  return headersOf({
    "Nats-Msg-Id": records[index]?.messageId ?? "",
    ...(index === 0 ? fence : {}),
    ...(records.length > 1 ? place : {}),
  });
}

function headersOf(fields: Fields): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(fields)) made.set(name, value);
  return made;
}
