import { DatabaseSync } from "node:sqlite";
import { deployErrors } from "./errors.ts";

/** A process that was killed a moment ago may still be about to let go. */
const PATIENCE_MS = 1_000;

/**
 * One process runs a box. The lock is the kernel's on an otherwise empty SQLite file, so that it ends
 * with its process, however that ends. Throws `ERR_SERVER_RUNNING`.
 */
export function holdServerLock(path: string): Disposable {
  const database = new DatabaseSync(path, { timeout: PATIENCE_MS });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    throw deployErrors.ERR_SERVER_RUNNING("this server is running already", { cause });
  }
  return { [Symbol.dispose]: () => database.close() };
}
