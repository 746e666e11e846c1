import { existsSync } from "node:fs";
import { isCloisterError, SecretBytes } from "@cloister/base";
import { type Client, connect, type Room } from "@cloister/client-core";
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
import { printable } from "./output.ts";
import { isDoneWithin, patiently, untilStopped } from "./patience.ts";
import { askSecret } from "./prompt.ts";

/** So long a command stays for what an earlier one could not send. */
const FLUSH_MS = 20_000;
/** So long a look at the state waits for what has come meanwhile. */
const CATCH_UP_MS = 5_000;
const writable: ReadonlySet<string> = new Set(["active", "catching-up"]);
const readable: ReadonlySet<string> = new Set([...writable, "awaiting-confirmation"]);

export function profileOf(io: Io, options: GlobalOptions): ProfileFolder {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(options.profile) || options.profile.startsWith(".")) {
    throw cliErrors.ERR_ARGUMENT("a profile's name has letters, digits, . _ -");
  }
  return profileFolder(options.profile, io.environment);
}

/** Unlocks the profile for one command. */
async function unlockProfile(io: Io, options: GlobalOptions): Promise<OpenProfile> {
  const profile = profileOf(io, options);
  // A missing profile is said before anybody has to type.
  if (!existsSync(profile.storeKeyFile))
    return await openProfile(profile, SecretBytes.from(new Uint8Array(0)));
  const ask = (): Promise<SecretBytes> => askSecret(io, `Passphrase of ${options.profile}: `);
  using passphrase = await readPassphrase(passphraseSourceFrom(io.environment, ask));
  return await openProfile(profile, passphrase);
}

/**
 * A new profile: asks twice, so that nobody locks himself out by a slip. One that a broken-off
 * `join` or `org create` left is gone on with.
 */
export async function makeProfile(io: Io, options: GlobalOptions): Promise<OpenProfile> {
  const profile = profileOf(io, options);
  if (existsSync(profile.storeKeyFile)) return await unlockProfile(io, options);
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
  return await createProfile(profile, passphrase);
}

export interface SessionOptions extends GlobalOptions {
  /** Goes on with what is on this device where no server answers. Default: that is an error. */
  readonly mayBeOffline?: boolean;
}

/** Opens profile and client for the time of `use`, and sends what an earlier command left. */
export async function withClient<T>(
  io: Io,
  options: SessionOptions,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  await using profile = await unlockProfile(io, options);
  await using client = await connect({ ...profile.ports, online: false });
  const work = async (): Promise<T> => {
    await goOnline(io, client, options.mayBeOffline === true);
    const result = await use(client);
    await sendWhatWaits(io, client);
    return result;
  };
  const stopped = (): Error => cliErrors.ERR_STOPPED("stopped");
  return await untilStopped(work(), { signal: io.signal, stopped });
}

async function goOnline(io: Io, client: Client, mayBeOffline: boolean): Promise<void> {
  try {
    await patiently(io, "connecting", client.refresh());
  } catch (error) {
    const isUnreachable = isCloisterError(error) && ["Transport", "Timeout"].includes(error.kind);
    if (!isUnreachable || !mayBeOffline) throw error;
    io.stderr.write(`offline: ${printable(error.message)}\n`);
  }
}

/** What an earlier command left, and what newcomers wait for; what hangs on others waits on. */
async function sendWhatWaits(io: Io, client: Client): Promise<void> {
  if (client.state().kind !== "online" || io.signal.aborted) return;
  const flushed = Promise.all((await openRooms(client, writable)).map((room) => room.flushed()));
  const sending = patiently(io, "sending what waited", flushed);
  const isSent = await isDoneWithin(sending, FLUSH_MS).catch(() => false);
  if (!isSent) io.stderr.write("something still waits to be sent: see cloister whoami\n");
}

/** Reads what the server holds, so that states shown are those of now. */
export async function catchUp(io: Io, client: Client): Promise<void> {
  if (client.state().kind !== "online") return;
  const read = Promise.all((await openRooms(client, readable)).map((room) => room.caughtUp()));
  await isDoneWithin(patiently(io, "reading what has come", read), CATCH_UP_MS).catch(() => false);
}

/** The rooms that this device is in: nobody has to be asked to open them. */
async function openRooms(client: Client, phases: ReadonlySet<string>): Promise<Room[]> {
  const inside = client.rooms().filter(({ phase }) => phases.has(phase.kind));
  return await Promise.all(inside.map(({ id }) => client.room(id)));
}
