import { argon2, createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { formatBase64Url, parseBase64Url, SecretBytes } from "@cloister/base";
import { clientNodeErrors } from "./errors.ts";
import {
  ARGON2_MEMORY_KIB,
  ARGON2_PARALLELISM,
  ARGON2_PASSES,
  ARGON2_SALT_BYTES,
  MAX_ARGON2_MEMORY_KIB,
  MAX_ARGON2_PARALLELISM,
  MAX_ARGON2_PASSES,
  MAX_STORE_KEY_FILE_BYTES,
  STORE_KEY_BYTES,
} from "./limits.ts";
import { syncFolder } from "./sync-folder.ts";

/**
 * `store.key`, version 1: the store's random key under AES-256-GCM with a key that Argon2id
 * (RFC 9106) makes from the passphrase. The header is the associated data, so that no parameter
 * can be weakened without being noticed.
 */
interface StoreKeyHeader {
  readonly format: "cloister-store-key";
  readonly version: 1;
  readonly kdf: "argon2id";
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: string;
}

interface StoreKeyFile {
  readonly header: StoreKeyHeader;
  readonly nonce: string;
  readonly wrapped: string;
}

/** Makes a new random store key and writes it, wrapped, where no file is yet. */
export async function createStoreKey(path: string, passphrase: SecretBytes): Promise<SecretBytes> {
  const key = SecretBytes.from(randomBytes(STORE_KEY_BYTES));
  await writeNew(path, await wrapStoreKey(key, passphrase));
  await syncFolder(dirname(path));
  return key;
}

/**
 * Throws `ERR_STORE_UNLOCK` for a wrong passphrase (or an altered file: the two cannot be told
 * apart), `ERR_STORE_KEY_FILE` for what is not such a file, `ERR_STORE_MISSING` where none is.
 */
export async function unlockStoreKey(path: string, passphrase: SecretBytes): Promise<SecretBytes> {
  const { header, nonce, wrapped } = parseStoreKeyFile(await readBounded(path));
  using wrappingKey = await deriveKey(header, passphrase);
  const sealed = parseBase64Url(wrapped);
  try {
    return wrappingKey.expose((key) => {
      const decipher = createDecipheriv("aes-256-gcm", key, parseBase64Url(nonce), {
        authTagLength: 16,
      });
      decipher.setAAD(headerBytes(header));
      decipher.setAuthTag(sealed.subarray(STORE_KEY_BYTES));
      const opened = decipher.update(sealed.subarray(0, STORE_KEY_BYTES));
      decipher.final();
      return SecretBytes.from(opened);
    });
  } catch (cause) {
    throw clientNodeErrors.ERR_STORE_UNLOCK("cannot unlock: wrong passphrase", { cause });
  }
}

/** The same store key under another passphrase; the old file is replaced in one step. */
export async function rewrapStoreKey(
  path: string,
  key: SecretBytes,
  passphrase: SecretBytes,
): Promise<void> {
  const fresh = `${path}.new`;
  // What a cut attempt left.
  await rm(fresh, { force: true });
  await writeNew(fresh, await wrapStoreKey(key, passphrase));
  await rename(fresh, path);
  await syncFolder(dirname(path));
}

async function wrapStoreKey(key: SecretBytes, passphrase: SecretBytes): Promise<StoreKeyFile> {
  const header: StoreKeyHeader = {
    format: "cloister-store-key",
    version: 1,
    kdf: "argon2id",
    memoryKib: ARGON2_MEMORY_KIB,
    passes: ARGON2_PASSES,
    parallelism: ARGON2_PARALLELISM,
    salt: formatBase64Url(randomBytes(ARGON2_SALT_BYTES)),
  };
  const nonce = randomBytes(12);
  using wrappingKey = await deriveKey(header, passphrase);
  const wrapped = wrappingKey.expose((wrapping) =>
    key.expose((plain) => {
      const cipher = createCipheriv("aes-256-gcm", wrapping, nonce, { authTagLength: 16 });
      cipher.setAAD(headerBytes(header));
      return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    }),
  );
  return { header, nonce: formatBase64Url(nonce), wrapped: formatBase64Url(wrapped) };
}

async function deriveKey(header: StoreKeyHeader, passphrase: SecretBytes): Promise<SecretBytes> {
  const message = passphrase.expose((bytes) => Uint8Array.from(bytes));
  const parameters = {
    message,
    nonce: parseBase64Url(header.salt),
    memory: header.memoryKib,
    passes: header.passes,
    parallelism: header.parallelism,
    tagLength: STORE_KEY_BYTES,
  };
  const { promise, resolve, reject } = Promise.withResolvers<SecretBytes>();
  argon2("argon2id", parameters, (error, derived) => {
    if (error === null) resolve(SecretBytes.from(derived));
    else reject(error);
  });
  try {
    return await promise;
  } finally {
    message.fill(0);
  }
}

function headerBytes(header: StoreKeyHeader): Uint8Array {
  const { format, version, kdf, memoryKib, passes, parallelism, salt } = header;
  const canonical = { format, version, kdf, memoryKib, passes, parallelism, salt };
  return new TextEncoder().encode(JSON.stringify(canonical));
}

function parseStoreKeyFile(text: string): StoreKeyFile {
  try {
    const file = JSON.parse(text) as Partial<StoreKeyFile>;
    const header = file.header;
    if (header === undefined || !isKnownHeader(header)) throw new Error("unknown header");
    const { nonce, wrapped } = file;
    if (typeof nonce !== "string" || typeof wrapped !== "string") throw new Error("fields missing");
    if (parseBase64Url(nonce).length !== 12) throw new Error("nonce length");
    if (parseBase64Url(wrapped).length !== STORE_KEY_BYTES + 16) throw new Error("key length");
    return { header, nonce, wrapped };
  } catch (cause) {
    throw clientNodeErrors.ERR_STORE_KEY_FILE("this is no key file of a store", { cause });
  }
}

function isKnownHeader(header: StoreKeyHeader): boolean {
  return (
    header.format === "cloister-store-key" &&
    header.version === 1 &&
    header.kdf === "argon2id" &&
    isWithin(header.memoryKib, ARGON2_MEMORY_KIB, MAX_ARGON2_MEMORY_KIB) &&
    isWithin(header.passes, ARGON2_PASSES, MAX_ARGON2_PASSES) &&
    isWithin(header.parallelism, 1, MAX_ARGON2_PARALLELISM) &&
    parseBase64Url(header.salt).length === ARGON2_SALT_BYTES
  );
}

function isWithin(value: unknown, low: number, high: number): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= low && value <= high;
}

async function readBounded(path: string): Promise<string> {
  const found = await stat(path).catch((cause: unknown) => {
    throw clientNodeErrors.ERR_STORE_MISSING("there is no profile here yet", { cause });
  });
  if (found.size > MAX_STORE_KEY_FILE_BYTES) {
    throw clientNodeErrors.ERR_STORE_KEY_FILE("this is no key file of a store: too large");
  }
  return await readFile(path, "utf8");
}

async function writeNew(path: string, file: StoreKeyFile): Promise<void> {
  const handle = await open(path, "wx", 0o600).catch((cause: unknown) => {
    throw clientNodeErrors.ERR_STORE_EXISTS("a key file is there already", { cause });
  });
  await using _closing = handle;
  await handle.writeFile(JSON.stringify(file));
  await handle.sync();
}
