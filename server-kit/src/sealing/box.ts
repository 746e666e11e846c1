import { stat } from "node:fs/promises";
import { join } from "node:path";
import { SecretBytes } from "@cloister/base";
import { SealingKey } from "./seal.ts";
import {
  createPrivateFile,
  readPrivateFile,
  readSealedFile,
  writeSealedFile,
} from "./sealed-file.ts";
import { sealingErrors } from "./sealing-errors.ts";

/**
 * Port: what protects the box's key at rest, such as systemd-creds, a TPM or a KMS. The name is
 * written before the wrapped key, so that another wrapper refuses it by name.
 */
export interface KeyWrapper {
  readonly name: string;
  wrap(key: SecretBytes): Promise<Uint8Array>;
  unwrap(wrapped: Uint8Array): Promise<SecretBytes>;
}

/** The key lies in a file of mode 0600: as safe as the box's root account and disk are. */
export const fileWrapper: KeyWrapper = {
  name: "file",
  wrap: (key) => Promise.resolve(key.expose((bytes) => Uint8Array.from(bytes))),
  unwrap: (wrapped) => Promise.resolve(SecretBytes.copyOf(wrapped)),
};

export interface BoxOptions {
  readonly wrapper?: KeyWrapper;
}

export function boxKeyPath(stateDir: string): string {
  return join(stateDir, "box.key");
}

/** Makes this box's key, or opens the one that a cut attempt left. */
export async function createBox(stateDir: string, options: BoxOptions = {}): Promise<SealingKey> {
  const wrapper = options.wrapper ?? fileWrapper;
  if ((await readPrivateFile(boxKeyPath(stateDir))) !== undefined)
    return openBox(stateDir, options);
  const key = SealingKey.generate();
  using copy = key.exposeKey((bytes) => SecretBytes.copyOf(bytes));
  const contents = Buffer.concat([header(wrapper), await wrapper.wrap(copy)]);
  if (!(await createPrivateFile(boxKeyPath(stateDir), contents))) {
    throw sealingErrors.ERR_BOX_KEY_EXISTS("another process makes this box's key now");
  }
  return key;
}

/** Opens the key that everything at rest on this box is sealed under. */
export async function openBox(stateDir: string, options: BoxOptions = {}): Promise<SealingKey> {
  const wrapper = options.wrapper ?? fileWrapper;
  const path = boxKeyPath(stateDir);
  const contents = await readPrivateFile(path);
  if (contents === undefined) throw sealingErrors.ERR_BOX_KEY_MISSING("this box has no key yet");
  if (((await stat(path)).mode & 0o077) !== 0) {
    throw sealingErrors.ERR_BOX_KEY_EXPOSED("others than its owner may read the box's key");
  }
  const head = header(wrapper);
  if (!contents.subarray(0, head.length).equals(head)) {
    throw sealingErrors.ERR_SEALED_MALFORMED(`the box's key is not wrapped by ${wrapper.name}`);
  }
  return SealingKey.from(await wrapper.unwrap(contents.subarray(head.length)));
}

function header(wrapper: KeyWrapper): Buffer {
  return Buffer.from(`cloister box key 1 ${wrapper.name}\n`);
}

export interface DataKeyFile {
  readonly box: SealingKey;
  readonly path: string;
  /** Whose data, such as "accounts". */
  readonly owner: string;
}

/** A key for data that several boxes share; each box keeps it wrapped under its own key. */
export async function createDataKey(file: DataKeyFile): Promise<SealingKey> {
  const key = SealingKey.generate();
  const bytes = key.exposeKey((raw) => Uint8Array.from(raw));
  try {
    await writeSealedFile({ key: file.box, path: file.path, purpose: dataKeyPurpose(file) }, bytes);
  } finally {
    bytes.fill(0);
  }
  return key;
}

export async function openDataKey(file: DataKeyFile): Promise<SealingKey> {
  const { box: key, path } = file;
  return SealingKey.from(await readSealedFile({ key, path, purpose: dataKeyPurpose(file) }));
}

function dataKeyPurpose(file: DataKeyFile): string {
  return `data-key/${file.owner}`;
}
