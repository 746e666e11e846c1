import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RoomId } from "@cloister/base";
import type { ProfileFolder } from "@cloister/client-node";

/**
 * How far this profile's reader has got in each room: room ids and positions, as they also stand as
 * keys in the store. Losing the file shows old messages again; nothing else.
 */
type ReadMarks = Readonly<Record<string, string>>;

export async function readMark(profile: ProfileFolder, room: RoomId): Promise<string | undefined> {
  return (await readMarks(profile))[room];
}

export async function writeMark(
  profile: ProfileFolder,
  room: RoomId,
  position: string,
): Promise<void> {
  const marks = { ...(await readMarks(profile)), [room]: position };
  const path = marksFile(profile);
  await writeFile(`${path}.new`, JSON.stringify(marks), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function readMarks(profile: ProfileFolder): Promise<ReadMarks> {
  try {
    return JSON.parse(await readFile(marksFile(profile), "utf8")) as ReadMarks;
  } catch {
    return {};
  }
}

function marksFile(profile: ProfileFolder): string {
  return join(profile.folder, "read-marks.json");
}
