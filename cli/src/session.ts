import { existsSync } from "node:fs";
import { SecretBytes } from "@cloister/base";
import { type Client, connect } from "@cloister/client-core";
import {
  createProfile,
  type OpenProfile,
  openProfile,
  type ProfileFolder,
  passphraseSourceFrom,
  profileFolder,
  readPassphrase,
} from "@cloister/client-node";
import { cliErrors } from "./errors.ts";
import type { GlobalOptions, Io } from "./io.ts";
import { askSecret } from "./prompt.ts";

export function profileOf(io: Io, options: GlobalOptions): ProfileFolder {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(options.profile) || options.profile.startsWith(".")) {
    throw cliErrors.ERR_ARGUMENT("a profile's name has letters, digits, . _ -");
  }
  return profileFolder(options.profile, io.environment);
}

/** Unlocks the profile for one command. */
export async function unlockProfile(io: Io, options: GlobalOptions): Promise<OpenProfile> {
  const profile = profileOf(io, options);
  // A missing profile is said before anybody has to type.
  if (!existsSync(profile.storeKeyFile))
    return await openProfile(profile, SecretBytes.from(new Uint8Array(0)));
  const ask = (): Promise<SecretBytes> => askSecret(io, `Passphrase of ${options.profile}: `);
  using passphrase = await readPassphrase(passphraseSourceFrom(io.environment, ask));
  return await openProfile(profile, passphrase);
}

/** A new profile: asks twice, so that nobody locks himself out by a slip. */
export async function makeProfile(io: Io, options: GlobalOptions): Promise<OpenProfile> {
  const ask = async (): Promise<SecretBytes> => {
    const first = await askSecret(
      io,
      `New passphrase for ${options.profile} (16 characters or more): `,
    );
    using second = await askSecret(io, "Once more: ");
    if (first.equals(second)) return first;
    first[Symbol.dispose]();
    throw cliErrors.ERR_ARGUMENT("the two differ; nothing was made");
  };
  using passphrase = await readPassphrase(passphraseSourceFrom(io.environment, ask));
  return await createProfile(profileOf(io, options), passphrase);
}

/** Opens profile and client for the time of `use`. */
export async function withClient<T>(
  io: Io,
  options: GlobalOptions,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  await using profile = await unlockProfile(io, options);
  await using client = await connect({ ...profile.ports, signal: io.signal });
  return await use(client);
}
