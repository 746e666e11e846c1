import type { RoomId } from "@cloister/base";
import { fenceSubject, inboxPrefix, roomFilter, streamNames, type UserNkey } from "@cloister/proto";
import { consumerNextSubject, filesStream, roomsStream } from "@cloister/server-kit";
import { createInbox, headers, type Msg, type NatsConnection } from "@nats-io/nats-core";
import type { TestUser } from "./nats.ts";

/** What JetStream answers, as far as tests look at it. */
export interface ApiReply {
  readonly error?: {
    readonly code: number;
    readonly err_code?: number;
    readonly description?: string;
  };
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly batch?: string;
  readonly count?: number;
  readonly num_pending?: number;
}

export async function api(
  connection: NatsConnection,
  subject: string,
  body?: unknown,
): Promise<ApiReply> {
  const payload = body === undefined ? "" : JSON.stringify(body);
  const reply = await connection.request(subject, payload, { timeout: 5_000 });
  return reply.json<ApiReply>();
}

/** The two streams of an org, as the relay makes them. */
export async function createOrgStreams(relay: NatsConnection, maxBytes = 64 << 20): Promise<void> {
  const rooms = roomsStream({ maxBytes, replicas: 1, maxDevices: 100_000 });
  const files = filesStream({ maxBytes, replicas: 1 });
  for (const config of [rooms, files]) {
    const reply = await api(relay, `$JS.API.STREAM.CREATE.${config.name}`, config);
    if (reply.error !== undefined) throw new Error(JSON.stringify(reply.error));
  }
}

export interface DeviceConsumer {
  readonly device: UserNkey;
  readonly rooms: readonly RoomId[];
}

/** The durable consumer of a device, as the Delivery Service makes it. */
export async function createConsumer(
  relay: NatsConnection,
  { device, rooms }: DeviceConsumer,
): Promise<void> {
  const reply = await api(relay, `$JS.API.CONSUMER.CREATE.${streamNames.rooms}.${device}`, {
    stream_name: streamNames.rooms,
    config: {
      durable_name: device,
      name: device,
      ack_policy: "explicit",
      deliver_policy: "all",
      filter_subjects: rooms.map(roomFilter),
      ack_wait: 30e9,
      max_ack_pending: 1_000,
    },
  });
  if (reply.error !== undefined) throw new Error(JSON.stringify(reply.error));
}

export interface PublishInput {
  readonly subject: string;
  readonly payload: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A JetStream publish with whatever headers a test wants. */
export async function publish(connection: NatsConnection, input: PublishInput): Promise<ApiReply> {
  const reply = await connection.request(input.subject, input.payload, {
    timeout: 5_000,
    headers: headersOf(input.headers ?? {}),
  });
  return reply.data.length === 0 ? {} : reply.json<ApiReply>();
}

export function headersOf(values: Readonly<Record<string, string>>) {
  const result = headers();
  for (const [name, value] of Object.entries(values)) result.set(name, value);
  return result;
}

/** Headers that let the server refuse a publish behind a newer fence. */
export function behindFence(room: RoomId, sequence: number): Record<string, string> {
  return {
    "Nats-Expected-Last-Subject-Sequence": String(sequence),
    "Nats-Expected-Last-Subject-Sequence-Subject": fenceSubject(room),
  };
}

/** Headers of one message of an atomic batch. */
export function batchHeaders(id: string, sequence: number, last: boolean): Record<string, string> {
  return {
    "Nats-Batch-Id": id,
    "Nats-Batch-Sequence": String(sequence),
    ...(last ? { "Nats-Batch-Commit": "1" } : {}),
  };
}

/** Pulls what waits for a device, up to `batch`, without a wait for more. */
export async function pull({ connection, pair }: TestUser, batch = 100): Promise<Msg[]> {
  const inbox = createInbox(inboxPrefix(pair.publicKey));
  const messages: Msg[] = [];
  const subscription = connection.subscribe(inbox);
  const request = JSON.stringify({ batch, no_wait: true, expires: 2e9 });
  connection.publish(consumerNextSubject(pair.publicKey), request, { reply: inbox });
  for await (const message of subscription) {
    // A status (404 no messages, 408 request done) has a code and ends the pull.
    if (message.headers !== undefined && message.headers.code >= 400) break;
    messages.push(message);
    if (messages.length === batch) break;
  }
  return messages;
}
