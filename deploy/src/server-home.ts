import { access, mkdir, open, readFile, rename } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { deployErrors } from "./errors.ts";

/** Where one box keeps everything: one folder, mode 0700, nothing outside it. */
export interface ServerHome {
  readonly folder: string;
  readonly settingsFile: string;
  readonly caCertFile: string;
  /** Sealed under the box key. */
  readonly caKeyFile: string;
  readonly tls: { readonly certFile: string; readonly keyFile: string };
  /** Made last by `server init`: a box without it is none. */
  readonly fleetFile: string;
  readonly nats: string;
  /** Which role serves: one file a role, made by the role itself. */
  readonly ready: string;
  /** Which processes run, for the next start after a crash. */
  readonly run: string;
  /** Held by the box's own process for as long as it lives. */
  readonly lockFile: string;
  /** Compiled code; may be removed at any time. */
  readonly codeCache: string;
  readonly logs: string;
  readonly controlSocket: string;
}

/** The Go module that pins nats-server: its version and its checksums. */
export const natsModuleDir: string = fileURLToPath(new URL("../servers/nats", import.meta.url));

export function serverHome(folder: string): ServerHome {
  const root = isAbsolute(folder) ? folder : resolve(folder);
  return {
    folder: root,
    settingsFile: join(root, "server.json"),
    caCertFile: join(root, "tls", "ca.pem"),
    caKeyFile: join(root, "tls", "ca-key.sealed"),
    tls: {
      certFile: join(root, "tls", "server.pem"),
      keyFile: join(root, "tls", "server-key.pem"),
    },
    fleetFile: join(root, "accounts", "fleet.json"),
    nats: join(root, "nats"),
    ready: join(root, "ready"),
    run: join(root, "run"),
    lockFile: join(root, "run", "lock"),
    codeCache: join(root, "cache", "code"),
    logs: join(root, "logs"),
    controlSocket: join(root, "control.sock"),
  };
}

/** What was decided at `server init`; holds no secret. */
export interface ServerSettings {
  readonly version: 1;
  /** The name or address that clients reach the box by; in the certificate. */
  readonly host: string;
  readonly listenHost: string;
  readonly gatewayPort: number;
  readonly natsPort: number;
  readonly webSocketPort: number;
  /** What the gateway tells clients, where it is not the port above (a tunnel, a proxy). */
  readonly advertisedNatsUrls: readonly string[];
  readonly maxFileStoreBytes: number;
}

export async function makeFolders(home: ServerHome): Promise<void> {
  await mkdir(home.folder, { recursive: true, mode: 0o700 });
  for (const folder of ["tls", "nats", "logs", "ready", "run", "cache"]) {
    await mkdir(join(home.folder, folder), { recursive: true, mode: 0o700 });
  }
}

/** Throws `ERR_SERVER_NOT_INITIALISED` also where `server init` was cut before its end. */
export async function readSettings(home: ServerHome): Promise<ServerSettings> {
  await access(home.fleetFile).catch((cause: unknown) => {
    throw deployErrors.ERR_SERVER_NOT_INITIALISED(`no server in ${home.folder}`, { cause });
  });
  const text = await readFile(home.settingsFile, "utf8").catch((cause: unknown) => {
    throw deployErrors.ERR_SERVER_NOT_INITIALISED(`no server in ${home.folder}`, { cause });
  });
  const settings = parseJson(text);
  if (settings?.version === 1) return settings;
  throw deployErrors.ERR_SERVER_SETTINGS("server.json has a version this program does not know");
}

function parseJson(text: string): ServerSettings | null {
  try {
    return JSON.parse(text) as ServerSettings | null;
  } catch (cause) {
    throw deployErrors.ERR_SERVER_SETTINGS("server.json cannot be read", { cause });
  }
}

export async function writeSettings(home: ServerHome, settings: ServerSettings): Promise<void> {
  await writeWhole(home.settingsFile, `${JSON.stringify(settings, undefined, 2)}\n`);
}

/** The whole file or the one before: written beside, synced, renamed. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const fresh = `${path}.new`;
  const handle = await open(fresh, "w", 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, path);
}
