import { chmodSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Sealed } from "@cloister/base";
import {
  assertSealed,
  type StoreKey,
  type StorePort,
  type StoreQuery,
  type StoreRow,
  type StoreWrites,
} from "@cloister/client-core";
import { clientNodeErrors } from "../errors.ts";

/** The layout of the file itself; values carry versions of their own. */
const SCHEMA_VERSION = 1;
const PAGE_BYTES = 16_384;

/**
 * Sealed values in one SQLite file, opened under its exclusive lock: a second client of the same
 * profile is refused, in this process or another. Each transaction is on disk when it answers.
 */
export class SqliteStore implements StorePort {
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#get = database.prepare("SELECT value FROM sealed WHERE key = ?");
    this.#list = database.prepare(
      "SELECT key, value FROM sealed WHERE key > ? AND key < ? ORDER BY key LIMIT ?",
    );
    this.#put = database.prepare("INSERT OR REPLACE INTO sealed (key, value) VALUES (?, ?)");
    this.#delete = database.prepare("DELETE FROM sealed WHERE key = ?");
  }

  /** Throws `ERR_STORE_LOCKED` where another client holds it, `ERR_STORE_VERSION` for a newer file. */
  static open(path: string, options: { readonly maxPages?: number } = {}): SqliteStore {
    const database = openDatabase(path);
    try {
      // A quota of its own; the disk's is the same to SQLite.
      if (options.maxPages !== undefined) {
        database.exec(`PRAGMA max_page_count = ${Math.floor(options.maxPages)}`);
      }
      chmodSync(path, 0o600);
      // Before the first page is written. A batch of 400 KiB and a ratchet of 3 KiB both take a third
      // of the time that 4 KiB pages take (docs/benchmarks.md).
      database.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
      database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;");
      database.exec("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;");
      // Takes the exclusive lock at once, and keeps it.
      database.exec("BEGIN EXCLUSIVE");
      migrate(database);
      database.exec("COMMIT");
      return new SqliteStore(database);
    } catch (cause) {
      database.close();
      throw storeError(cause);
    }
  }

  get(key: StoreKey): Sealed | undefined {
    const row = this.#get.get(key);
    return row === undefined ? undefined : sealedColumn(row["value"]);
  }

  list({ prefix, after, limit }: StoreQuery): readonly StoreRow[] {
    const from = after !== undefined && after > prefix ? after : prefix;
    const rows = this.#list.all(from, afterPrefix(prefix), limit);
    return rows.map((row) => ({ key: String(row["key"]), value: sealedColumn(row["value"]) }));
  }

  transaction({ puts, deletes }: StoreWrites): void {
    for (const { value } of puts) assertSealed(value);
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      for (const key of deletes) this.#delete.run(key);
      for (const { key, value } of puts) this.#put.run(key, value);
      this.#database.exec("COMMIT");
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw storeError(cause);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch (cause) {
    throw storeError(cause);
  }
}

function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version > SCHEMA_VERSION) {
    throw clientNodeErrors.ERR_STORE_VERSION("this store is newer than this program", {
      details: { store: version, program: SCHEMA_VERSION },
    });
  }
  if (version === SCHEMA_VERSION) return;
  database.exec("CREATE TABLE sealed (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID");
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

/** The least key that no longer begins with the prefix: keys are printable ASCII. */
function afterPrefix(prefix: string): string {
  return `${prefix}\u007f`;
}

/** Only `transaction` writes the column, and it takes sealed values alone. */
function sealedColumn(value: unknown): Sealed {
  if (!(value instanceof Uint8Array)) {
    throw clientNodeErrors.ERR_STORE_VALUE("a stored value is no longer what was written");
  }
  assertSealed(value);
  return value;
}

function storeError(cause: unknown): unknown {
  const code = cause instanceof Error && "errcode" in cause ? Number(cause.errcode) & 0xff : 0;
  switch (code) {
    case 5: // SQLITE_BUSY
    case 6: // SQLITE_LOCKED
      return clientNodeErrors.ERR_STORE_LOCKED("this profile is in use", { cause });
    case 13: // SQLITE_FULL
      return clientNodeErrors.ERR_STORE_FULL("the disk is full", { cause });
    case 8: // SQLITE_READONLY
    case 14: // SQLITE_CANTOPEN
      return clientNodeErrors.ERR_FILE_UNWRITABLE("the store cannot be opened", { cause });
    case 10: // SQLITE_IOERR
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return clientNodeErrors.ERR_STORE_VALUE("the store's file is damaged", { cause });
    default:
      return cause;
  }
}
