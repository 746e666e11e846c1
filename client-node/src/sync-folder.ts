import { open } from "node:fs/promises";

/** Puts the names in a folder on disk: a file's own sync does not. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path);
  await folder.sync();
}
