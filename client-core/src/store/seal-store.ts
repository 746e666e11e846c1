import {
  concatBytes,
  markSealed,
  type Random,
  randomBytes,
  type Sealed,
  type SecretBytes,
  utf8Bytes,
} from "@cloister/base";
import { clientErrors } from "../errors.ts";
import { MAX_STORE_KEY_CHARS } from "../limits.ts";
import type { AeadKey, CryptoPort, StoreKey, StorePort, StoreQuery } from "../ports.ts";
import {
  assertSealed,
  SEALED_HEADER_BYTES,
  SEALED_NONCE_BYTES,
  sealedMagic,
} from "./sealed-format.ts";

/** A value in the clear, on its way into or out of the store. */
export interface PlainRow {
  readonly key: StoreKey;
  readonly value: Uint8Array;
}

export interface PlainWrites {
  readonly puts: readonly PlainRow[];
  readonly deletes: readonly StoreKey[];
}

/** The only way from plaintext into a store: each value is sealed under its own key's name. */
export interface SealedStore {
  get(key: StoreKey): Promise<Uint8Array | undefined>;
  list(query: StoreQuery): Promise<PlainRow[]>;
  /** Every row of a prefix, page by page. */
  listAll(prefix: string): Promise<PlainRow[]>;
  transaction(writes: PlainWrites): Promise<void>;
}

const PAGE_ROWS = 256;

export async function openSealedStore(ports: {
  readonly store: StorePort;
  readonly storeKey: SecretBytes;
  readonly crypto: Pick<CryptoPort, "importAeadKey">;
  readonly random: Random;
}): Promise<SealedStore> {
  const aead = await importStoreKey(ports);
  const seal = sealWith(aead, ports.random);
  const open = openWith(aead);
  const list = async (query: StoreQuery): Promise<PlainRow[]> => {
    const rows = await ports.store.list(query);
    return Promise.all(
      rows.map(async ({ key, value }) => ({ key, value: await open(key, value) })),
    );
  };
  return {
    list,
    async get(key) {
      const value = await ports.store.get(key);
      return value === undefined ? undefined : open(key, value);
    },
    async listAll(prefix) {
      const all: PlainRow[] = [];
      let after: StoreKey | undefined;
      for (;;) {
        const page = await list({ prefix, after, limit: PAGE_ROWS });
        all.push(...page);
        after = page.at(-1)?.key;
        if (page.length < PAGE_ROWS) return all;
      }
    },
    async transaction({ puts, deletes }) {
      const sealed = await Promise.all(
        puts.map(async ({ key, value }) => ({ key, value: await seal(key, value) })),
      );
      await ports.store.transaction({ puts: sealed, deletes });
    },
  };
}

async function importStoreKey(ports: {
  readonly storeKey: SecretBytes;
  readonly crypto: Pick<CryptoPort, "importAeadKey">;
}): Promise<AeadKey> {
  // A copy: importing may outlast the loan.
  using copy = ports.storeKey.clone();
  const bytes = copy.expose((key) => Uint8Array.from(key));
  try {
    return await ports.crypto.importAeadKey(bytes);
  } finally {
    bytes.fill(0);
  }
}

type SealValue = (key: StoreKey, value: Uint8Array) => Promise<Sealed>;

function sealWith(aead: AeadKey, random: Random): SealValue {
  return async (key, value) => {
    const nonce = randomBytes(random, SEALED_NONCE_BYTES);
    const data = await aead.seal({ nonce, data: value, aad: associatedData(key) });
    return markSealed(concatBytes(Uint8Array.from(sealedMagic), nonce, data));
  };
}

type OpenValue = (key: StoreKey, value: Uint8Array) => Promise<Uint8Array>;

function openWith(aead: AeadKey): OpenValue {
  return async (key, value) => {
    assertSealed(value);
    const nonce = value.subarray(sealedMagic.length, SEALED_HEADER_BYTES);
    const data = value.subarray(SEALED_HEADER_BYTES);
    try {
      return await aead.open({ nonce, data, aad: associatedData(key) });
    } catch (cause) {
      throw clientErrors.ERR_STORE_UNSEALED("a stored value does not open", { cause });
    }
  };
}

/** Names the row, so that no value can be moved to another. */
function associatedData(key: StoreKey): Uint8Array {
  if (key.length > MAX_STORE_KEY_CHARS || !/^[\x21-\x7e]+$/.test(key)) {
    throw clientErrors.ERR_STORE_KEY("malformed key of a stored value");
  }
  return utf8Bytes(`cloister/store/v1\0${key}`);
}
