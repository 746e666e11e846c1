import { open } from "node:fs/promises";
import { basename, dirname } from "node:path";

/**
 * A socket's path is at most 107 bytes (unix(7)); a home's may be longer. Through a descriptor of its
 * folder any path is short, and the socket stays within the folder, which only its owner may enter.
 */
export async function withShortPath<Result>(
  path: string,
  use: (shortPath: string) => Promise<Result>,
): Promise<Result> {
  const folder = await open(dirname(path));
  try {
    return await use(`/proc/self/fd/${folder.fd}/${basename(path)}`);
  } finally {
    await folder.close();
  }
}
