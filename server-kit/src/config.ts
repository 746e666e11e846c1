import { readFile } from "node:fs/promises";
import { SecretBytes } from "@cloister/base";
import { kitErrors } from "./errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads one setting from its text; throws ERR_CONFIG that names the setting, never its value. */
export type Setting<T> = (text: string, name: string) => T;

export const textSetting: Setting<string> = (text) => text;

export const portSetting: Setting<number> = (text, name) => {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw kitErrors.ERR_CONFIG(`${name} must be a port, 0 to 65535`);
};

export const flagSetting: Setting<boolean> = (text, name) => {
  if (text === "true" || text === "false") return text === "true";
  throw kitErrors.ERR_CONFIG(`${name} must be true or false`);
};

export const bytesSetting: Setting<number> = (text, name) => {
  const match = /^(\d{1,12})(|KiB|MiB|GiB|TiB)$/.exec(text);
  const power = ["", "KiB", "MiB", "GiB", "TiB"].indexOf(match?.[2] ?? "");
  const bytes = Number(match?.[1]) * 1024 ** power;
  if (match !== null && Number.isSafeInteger(bytes)) return bytes;
  throw kitErrors.ERR_CONFIG(`${name} must be a size such as 512MiB or 20GiB`);
};

export const pathSetting: Setting<string> = (text, name) => {
  if (text.startsWith("/") && !text.includes("\0")) return text;
  throw kitErrors.ERR_CONFIG(`${name} must be an absolute path`);
};

export function listSetting<T>(item: Setting<T>): Setting<readonly T[]> {
  return (text, name) => {
    const items = text === "" ? [] : text.split(",");
    return items.map((part) => item(part.trim(), name));
  };
}

export function choiceSetting<const T extends string>(choices: readonly T[]): Setting<T> {
  return (text, name) => {
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    throw kitErrors.ERR_CONFIG(`${name} must be one of ${choices.join(", ")}`);
  };
}

export interface SettingDefinition<T> {
  readonly read: Setting<T>;
  /** Used when the setting is absent; without it an absent setting is an error. */
  readonly fallback?: T;
}

export type SettingValues<D extends Record<string, SettingDefinition<unknown>>> = {
  readonly [Name in keyof D]: D[Name] extends SettingDefinition<infer T> ? T : never;
};

/**
 * Reads every setting once, `<prefix>_<NAME>` each, and tells all mistakes together. A setting
 * with our prefix that nobody knows is a mistake too: a typing error must not mean a default.
 */
export function readSettings<D extends Record<string, SettingDefinition<unknown>>>(
  definitions: D,
  source: { readonly prefix: string; readonly environment: Environment },
): SettingValues<D> {
  const mistakes: string[] = [];
  const entries = Object.entries(definitions).map(([key, definition]) => {
    const name = settingName(source.prefix, key);
    try {
      return [key, readOne(definition, { name, text: source.environment[name] })];
    } catch (error) {
      mistakes.push(error instanceof Error ? error.message : name);
      return [key, undefined];
    }
  });
  const known = new Set(Object.keys(definitions).map((key) => settingName(source.prefix, key)));
  for (const name of Object.keys(source.environment)) {
    if (name.startsWith(`${source.prefix}_`) && !known.has(name) && !isSecretName(name)) {
      mistakes.push(`${name} is not a setting`);
    }
  }
  if (mistakes.length > 0) throw kitErrors.ERR_CONFIG(mistakes.join("; "));
  return Object.fromEntries(entries) as SettingValues<D>;
}

function readOne(
  definition: SettingDefinition<unknown>,
  from: { readonly name: string; readonly text: string | undefined },
): unknown {
  if (from.text !== undefined) return definition.read(from.text, from.name);
  if (definition.fallback !== undefined) return definition.fallback;
  throw kitErrors.ERR_CONFIG(`${from.name} is missing`);
}

/** `storePath` → `CLOISTER_RELAY_STORE_PATH`. */
function settingName(prefix: string, key: string): string {
  return `${prefix}_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function isSecretName(name: string): boolean {
  return name.endsWith("_SECRET_FILE") || name.endsWith("_SECRET_FD");
}

const maxSecretBytes = 4_096;

/**
 * A secret, apart from the settings: from a file or an open descriptor that
 * `<prefix>_<NAME>_SECRET_FILE` or `…_SECRET_FD` names; never from an argument or a value.
 */
export async function readSecret(
  name: string,
  source: { readonly prefix: string; readonly environment: Environment },
): Promise<SecretBytes> {
  const base = `${settingName(source.prefix, name)}_SECRET`;
  const file = source.environment[`${base}_FILE`];
  const descriptor = source.environment[`${base}_FD`];
  const path = descriptor === undefined ? file : `/proc/self/fd/${descriptor}`;
  if (path === undefined || (descriptor !== undefined && !/^\d{1,5}$/.test(descriptor))) {
    throw kitErrors.ERR_CONFIG(`${base}_FILE or ${base}_FD is missing`);
  }
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined || bytes.length === 0 || bytes.length > maxSecretBytes) {
    throw kitErrors.ERR_CONFIG(`${base} cannot be read, is empty or too long`);
  }
  const end = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length;
  return SecretBytes.from(bytes.subarray(0, end));
}
