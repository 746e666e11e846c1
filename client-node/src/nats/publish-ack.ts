import type { ChunkOutcome, PublishOutcome } from "@cloister/client-core";
import type { Msg } from "@nats-io/nats-core";

/** JetStream's answer to a publish (ADR-2 of nats-architecture-and-design). */
interface PubAck {
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly count?: number;
  readonly error?: { readonly err_code?: number; readonly description?: string };
}

/** `err_code` of JetStream, where one means something to us. */
const WRONG_LAST_SEQUENCE = 10_071;
const WRONG_LAST_SEQUENCE_CONSTANT = 10_164;
const STREAM_STORE_FAILED = 10_077;
const RESOURCES_EXCEEDED = 10_023;
const STORAGE_EXCEEDED = 10_047;
const BATCH_DUPLICATE = 10_201;

type AckOutcome =
  | { readonly kind: "stored"; readonly last: bigint }
  | { readonly kind: "wrong-last-sequence" }
  | { readonly kind: "duplicate" }
  | { readonly kind: "stream-full" }
  | { readonly kind: "refused"; readonly code: string; readonly text: string };

/** `count`: how many records the publish held. */
function parsePubAck(message: Msg, count: number): AckOutcome {
  const ack = readAck(message);
  if (ack?.error !== undefined) return refusal(ack.error);
  if (ack?.duplicate === true) return { kind: "duplicate" };
  const isWhole = count === 1 || ack?.count === count;
  if (ack?.seq !== undefined && Number.isSafeInteger(ack.seq) && isWhole) {
    return { kind: "stored", last: BigInt(ack.seq) };
  }
  return { kind: "refused", code: "none", text: "the answer is no acknowledgement" };
}

function readAck(message: Msg): PubAck | undefined {
  try {
    return message.json<PubAck | null>() ?? undefined;
  } catch {
    return undefined;
  }
}

function refusal(error: NonNullable<PubAck["error"]>): AckOutcome {
  switch (error.err_code) {
    case WRONG_LAST_SEQUENCE:
    case WRONG_LAST_SEQUENCE_CONSTANT:
      return { kind: "wrong-last-sequence" };
    case BATCH_DUPLICATE:
      return { kind: "duplicate" };
    // One code for all that the store refuses; of the limits set, only bytes can be reached.
    case STREAM_STORE_FAILED:
    case RESOURCES_EXCEEDED:
    case STORAGE_EXCEEDED:
      return { kind: "stream-full" };
    default:
      return {
        kind: "refused",
        code: String(error.err_code ?? "none"),
        text: error.description ?? "",
      };
  }
}

/** `count` records end at the acknowledged sequence: a batch is stored without a gap. */
export function publishOutcome(message: Msg, count: number): PublishOutcome {
  const ack = parsePubAck(message, count);
  switch (ack.kind) {
    case "stored":
      return {
        kind: "stored",
        sequences: Array.from({ length: count }, (_, at) => ack.last - BigInt(count - 1 - at)),
      };
    case "wrong-last-sequence":
      return { kind: "stale-fence" };
    case "duplicate":
    case "stream-full":
    case "refused":
      return ack;
    default:
      return ack satisfies never;
  }
}

export function chunkOutcome(message: Msg): ChunkOutcome {
  const ack = parsePubAck(message, 1);
  switch (ack.kind) {
    case "stored":
    // A chunk's id is its own: whoever stored it before was this upload.
    case "duplicate":
      return { kind: "stored" };
    case "wrong-last-sequence":
      return { kind: "exists" };
    case "stream-full":
    case "refused":
      return ack;
    default:
      return ack satisfies never;
  }
}
