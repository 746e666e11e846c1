import { parseUtf8 } from "@cloister/base";
import type { SealedBucket } from "@cloister/server-kit";
import { accountsErrors } from "../errors.ts";

/** A value of the bucket with the revision that a change must name. */
export interface Held<T> {
  readonly value: T;
  readonly revision: number;
}

/** One kind of record in the sealed bucket, under `<kind>.<id>`. */
export class JsonStore<T> {
  readonly #bucket: SealedBucket;
  readonly #kind: string;
  readonly #parse: (value: unknown) => T;

  constructor(bucket: SealedBucket, kind: string, parse: (value: unknown) => T) {
    this.#bucket = bucket;
    this.#kind = kind;
    this.#parse = parse;
  }

  async get(id: string): Promise<Held<T> | undefined> {
    const entry = await this.#bucket.get(this.#key(id));
    if (entry === undefined) return undefined;
    using opened = entry.value;
    return { value: this.#parse(parseJson(opened.expose(parseUtf8))), revision: entry.revision };
  }

  /** Undefined if the record exists. */
  create(id: string, value: T): Promise<number | undefined> {
    return withBytes(value, (bytes) => this.#bucket.create(this.#key(id), bytes));
  }

  /** Undefined if the record has changed since. */
  replace(id: string, change: Held<T>): Promise<number | undefined> {
    const { revision } = change;
    return withBytes(change.value, (value) =>
      this.#bucket.replace(this.#key(id), { value, revision }),
    );
  }

  async ids(): Promise<string[]> {
    const keys = await this.#bucket.keys(`${this.#kind}.*`);
    return keys.map((key) => key.slice(this.#kind.length + 1));
  }

  #key(id: string): string {
    return `${this.#kind}.${id}`;
  }
}

async function withBytes<Value>(
  value: unknown,
  use: (bytes: Uint8Array) => Promise<Value>,
): Promise<Value> {
  const bytes = Buffer.from(JSON.stringify(value));
  try {
    return await use(bytes);
  } finally {
    bytes.fill(0);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformedRecord();
  }
}

export function malformedRecord(): Error {
  return accountsErrors.ERR_ACCOUNTS_STATE("a record of accounts is malformed");
}

/** The fields of a record, each of which must be a text. */
export function textsOf<Name extends string>(
  value: unknown,
  names: readonly Name[],
): Record<Name, string> {
  if (typeof value !== "object" || value === null) throw malformedRecord();
  const record = value as Record<string, unknown>;
  const entries = names.map((name) => {
    const text = record[name];
    if (typeof text !== "string") throw malformedRecord();
    return [name, text] as const;
  });
  return Object.fromEntries(entries) as Record<Name, string>;
}
