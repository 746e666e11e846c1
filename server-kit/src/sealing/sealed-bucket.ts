import type { Sealed, SecretBytes } from "@cloister/base";
import { JetStreamApiCodes, JetStreamApiError, type JetStreamClient } from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import { natsError } from "../nats-connection.ts";
import type { SealingKey } from "./seal.ts";

export interface BucketOptions {
  readonly name: string;
  readonly key: SealingKey;
  readonly maxBytes: number;
  readonly replicas: number;
  /** How long an entry lives; for ever where it is missing. */
  readonly ttlMs?: number;
}

export interface BucketEntry {
  readonly value: SecretBytes;
  /** For {@link SealedBucket.replace}. */
  readonly revision: number;
}

/**
 * A JetStream key-value bucket whose values are sealed: bucket and key are authenticated, so a
 * value moved to another key does not open. Keys stay readable: put no secret in one.
 */
export class SealedBucket {
  readonly #bucket: KV;
  readonly #options: BucketOptions;

  constructor(bucket: KV, options: BucketOptions) {
    this.#bucket = bucket;
    this.#options = options;
  }

  /** Undefined for an absent key, and for a deleted one. */
  async get(key: string): Promise<BucketEntry | undefined> {
    const entry = await attempt(() => this.#bucket.get(key));
    if (entry === null || entry.operation !== "PUT") return undefined;
    const value = this.#options.key.openSealed(this.#purpose(key), entry.value);
    return { value, revision: entry.revision };
  }

  /** Writes a key that has no value yet; the revision, or undefined if somebody was first. */
  create(key: string, value: Uint8Array): Promise<number | undefined> {
    return unlessTaken(() => this.#bucket.create(key, this.#seal(key, value)));
  }

  /** Writes over exactly this revision; the new one, or undefined if it has changed meanwhile. */
  replace(
    key: string,
    change: { readonly value: Uint8Array; readonly revision: number },
  ): Promise<number | undefined> {
    const sealed = this.#seal(key, change.value);
    return unlessTaken(() => this.#bucket.update(key, sealed, change.revision));
  }

  async delete(key: string): Promise<void> {
    await attempt(() => this.#bucket.delete(key));
  }

  /** Keys that match, such as `claim.*`. */
  async keys(filter: string): Promise<string[]> {
    return await attempt(async () => {
      const found: string[] = [];
      for await (const key of await this.#bucket.keys(filter)) found.push(key);
      return found;
    });
  }

  #seal(key: string, value: Uint8Array): Sealed {
    return this.#options.key.sealBytes(this.#purpose(key), value);
  }

  #purpose(key: string): string {
    return `kv/${this.#options.name}/${key}`;
  }
}

/** Opens the bucket and makes it where it is missing, with its limits, under a key of its own. */
export async function openSealedBucket(
  jetStream: JetStreamClient,
  options: BucketOptions,
): Promise<SealedBucket> {
  const bucket = await new Kvm(jetStream).create(options.name, {
    history: 1,
    replicas: options.replicas,
    max_bytes: options.maxBytes,
    ...(options.ttlMs === undefined ? {} : { ttl: options.ttlMs }),
  });
  return new SealedBucket(bucket, { ...options, key: options.key.derive(`kv/${options.name}`) });
}

async function attempt<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw natsError(error);
  }
}

async function unlessTaken(write: () => Promise<number>): Promise<number | undefined> {
  try {
    return await write();
  } catch (error) {
    if (isWrongLastSequence(error)) return undefined;
    throw natsError(error);
  }
}

/** The server's answer to a lost compare-and-set (10071, or 10164 in a cluster). */
export function isWrongLastSequence(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  );
}
