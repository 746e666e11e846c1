import { createReadStream } from "node:fs";
import { isCloisterError, SecretBytes } from "@cloister/base";
import { clientNodeErrors } from "./errors.ts";
import { MAX_PASSPHRASE_BYTES, MIN_PASSPHRASE_CHARS } from "./limits.ts";

/** Where a passphrase comes from. Never an argument: the process list shows those. */
export type PassphraseSource =
  | { readonly kind: "descriptor"; readonly fd: number }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "prompt"; readonly ask: () => Promise<SecretBytes> };

/** Reads `CLOISTER_PASSPHRASE_FD` and `CLOISTER_PASSPHRASE_FILE`; without either, asks. */
export function passphraseSourceFrom(
  environment: Readonly<Record<string, string | undefined>>,
  ask: () => Promise<SecretBytes>,
): PassphraseSource {
  const descriptor = environment["CLOISTER_PASSPHRASE_FD"];
  if (descriptor !== undefined) return { kind: "descriptor", fd: parseDescriptor(descriptor) };
  const path = environment["CLOISTER_PASSPHRASE_FILE"];
  return path === undefined ? { kind: "prompt", ask } : { kind: "file", path };
}

function parseDescriptor(text: string): number {
  const fd = Number(text);
  if (/^\d{1,4}$/.test(text) && Number.isSafeInteger(fd)) return fd;
  throw clientNodeErrors.ERR_PASSPHRASE_SOURCE("CLOISTER_PASSPHRASE_FD is not a descriptor");
}

/** The passphrase without its line end. Throws `ERR_PASSPHRASE_SOURCE` where there is none. */
export async function readPassphrase(source: PassphraseSource): Promise<SecretBytes> {
  switch (source.kind) {
    case "prompt":
      return await source.ask();
    case "descriptor":
      return await readFrom(createReadStream("", { fd: source.fd, autoClose: false }));
    case "file":
      return await readFrom(createReadStream(source.path));
    default:
      return source satisfies never;
  }
}

async function readFrom(stream: AsyncIterable<Buffer>): Promise<SecretBytes> {
  // A line end, and one byte more to see that there is more.
  const read = Buffer.alloc(MAX_PASSPHRASE_BYTES + 3);
  let length = 0;
  try {
    for await (const chunk of stream) {
      length += chunk.copy(read, length);
      chunk.fill(0);
      if (length === read.length) break;
    }
    if (length > 0 && read[length - 1] === 0x0a) length -= 1;
    if (length > 0 && read[length - 1] === 0x0d) length -= 1;
    if (length === 0 || length > MAX_PASSPHRASE_BYTES) {
      throw clientNodeErrors.ERR_PASSPHRASE_SOURCE("the passphrase is empty or longer than 1 KiB");
    }
    return SecretBytes.copyOf(read.subarray(0, length));
  } catch (cause) {
    if (isCloisterError(cause)) throw cause;
    throw clientNodeErrors.ERR_PASSPHRASE_SOURCE("the passphrase cannot be read", { cause });
  } finally {
    read.fill(0);
  }
}

/** Throws `ERR_PASSPHRASE_SHORT` for what a new profile must not be locked with. */
export function checkNewPassphrase(passphrase: SecretBytes): void {
  const chars = passphrase.expose((bytes) => new TextDecoder().decode(bytes).length);
  if (chars < MIN_PASSPHRASE_CHARS) {
    throw clientNodeErrors.ERR_PASSPHRASE_SHORT(
      `a passphrase has at least ${MIN_PASSPHRASE_CHARS} characters`,
      { details: { characters: chars } },
    );
  }
}
