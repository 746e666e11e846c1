import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where one identity of a person lives: one folder, mode 0700. */
export interface ProfileFolder {
  readonly folder: string;
  readonly storeKeyFile: string;
  readonly storeFile: string;
  /** Certificates of pinned authorities, by SHA-256: public, so that no start has to fetch them. */
  readonly authorityFile: (sha256Hex: string) => string;
}

/** `CLOISTER_HOME`, else the platform's place for data of a user; then the profile's name. */
export function profileFolder(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): ProfileFolder {
  const data = environment["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share");
  const home = environment["CLOISTER_HOME"] ?? join(data, "cloister");
  return profileAt(join(home, "profiles", name));
}

export function profileAt(folder: string): ProfileFolder {
  return {
    folder,
    storeKeyFile: join(folder, "store.key"),
    storeFile: join(folder, "store.sqlite"),
    authorityFile: (sha256Hex) => join(folder, `authority-${sha256Hex}.pem`),
  };
}

export async function makeProfileFolder(profile: ProfileFolder): Promise<void> {
  await mkdir(profile.folder, { recursive: true, mode: 0o700 });
}
