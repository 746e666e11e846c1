import { isCloisterError } from "@cloister/base";
import { SqliteStore } from "../src/store/sqlite-store.ts";

/** Run as another process by the store's test: says which error opening gives. */
const path = process.argv[2] ?? "";
try {
  await using _store = SqliteStore.open(path);
  process.send?.("opened");
} catch (error) {
  process.send?.(isCloisterError(error) ? error.code : String(error));
}
process.disconnect?.();
