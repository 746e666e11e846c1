import { access, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { initAccounts, issueClaim } from "@cloister/accounts/init";
import { parseEpochMs, parseHex, type SecretBytes } from "@cloister/base";
import {
  createBox,
  createCertificateAuthority,
  fingerprintOf,
  freePorts,
  type IssuedCertificate,
  issueServerCertificate,
  openBox,
  requireFreePort,
  writeSealedFile,
} from "@cloister/server-kit";
import { formatClaim } from "./claim-text.ts";
import { deployErrors } from "./errors.ts";
import {
  makeFolders,
  readSettings,
  type ServerHome,
  type ServerSettings,
  serverHome,
  writeSettings,
  writeWhole,
} from "./server-home.ts";

/** How much JetStream may keep on this box. Streams refuse before it, so a full disk loses nothing. */
const MAX_FILE_STORE_BYTES = 64 * 1024 ** 3;

export interface InitServerOptions {
  readonly home: string;
  /** Name or address that clients use; goes into the certificate. */
  readonly host: string;
  readonly listenHost: string;
  /** 0: a free one, chosen now and kept. */
  readonly gatewayPort: number;
  readonly natsPort: number;
  readonly webSocketPort: number;
  /** Where the gateway sends clients, if not to `natsPort`. */
  readonly advertisedNatsUrls?: readonly string[];
  readonly operatorName: string;
  /** Shows the operator's root seed, for the owner to keep off the box. Called before the box counts. */
  readonly keepOperatorRoot: (seedText: SecretBytes) => Promise<void>;
  readonly now: number;
}

export interface InitialisedServer {
  readonly home: string;
  readonly gatewayUrl: string;
  readonly claim: string;
}

/**
 * Makes a box, offline: authority and certificate, ports, operator and service accounts. The accounts
 * come last, appear at once and make it count; what a cut attempt left before is made anew.
 */
export async function initServer(options: InitServerOptions): Promise<InitialisedServer> {
  const home = serverHome(options.home);
  if (await exists(home.fleetFile)) {
    throw deployErrors.ERR_SERVER_INITIALISED(`there is a server in ${home.folder} already`);
  }
  await makeFolders(home);
  await removeDrafts(home.folder);
  const settings = await chooseSettings(options);
  (await createBox(home.folder))[Symbol.dispose]();
  await makeCertificates(home, { host: options.host, now: options.now });
  await writeSettings(home, settings);
  await initAccounts({
    stateDir: home.folder,
    operatorName: options.operatorName,
    clock: { now: () => parseEpochMs(options.now) },
    keepOperatorRoot: options.keepOperatorRoot,
  });
  const claim = await issueServerClaim(options.home);
  return { home: home.folder, gatewayUrl: gatewayUrl(settings), claim };
}

/** A further claim code: good for one more org. */
export async function issueServerClaim(folder: string): Promise<string> {
  const home = serverHome(folder);
  const settings = await readSettings(home);
  using secret = await issueClaim({ stateDir: home.folder });
  const caSha256 = parseHex(fingerprintOf(await readFile(home.caCertFile, "utf8")));
  return secret.expose((bytes) =>
    formatClaim({ gatewayUrl: gatewayUrl(settings), caSha256, secret: bytes }),
  );
}

export function gatewayUrl(settings: ServerSettings): string {
  return `https://${hostInUrl(settings.host)}:${settings.gatewayPort}`;
}

export function natsUrls(settings: ServerSettings): readonly string[] {
  if (settings.advertisedNatsUrls.length > 0) return settings.advertisedNatsUrls;
  return [`tls://${hostInUrl(settings.host)}:${settings.natsPort}`];
}

function hostInUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

async function chooseSettings(options: InitServerOptions): Promise<ServerSettings> {
  const wanted = [options.gatewayPort, options.natsPort, options.webSocketPort];
  const free = await freePorts(wanted.length, options.listenHost);
  const ports = wanted.map((port, index) => (port === 0 ? (free[index] ?? 0) : port));
  for (const port of wanted) if (port !== 0) await requireFreePort(port, options.listenHost);
  const [gatewayPort = 0, natsPort = 0, webSocketPort = 0] = ports;
  return {
    version: 1,
    host: options.host,
    listenHost: options.listenHost,
    gatewayPort,
    natsPort,
    webSocketPort,
    advertisedNatsUrls: options.advertisedNatsUrls ?? [],
    maxFileStoreBytes: MAX_FILE_STORE_BYTES,
  };
}

/** The server's file carries the authority too: who has only its hash finds it in the chain. */
async function makeCertificates(
  home: ServerHome,
  { host, now }: { readonly host: string; readonly now: number },
): Promise<void> {
  const authority = await createCertificateAuthority({ name: "Cloister fleet", nowMs: now });
  const hosts = [...new Set([host, "localhost", "127.0.0.1"])];
  const server = await issueServerCertificate(authority, { hosts, nowMs: now });
  await writeWhole(home.caCertFile, authority.certPem);
  await writeWhole(home.tls.certFile, chainOf(server, authority));
  await writeWhole(home.tls.keyFile, server.keyPem);
  using box = await openBox(home.folder);
  const file = { key: box, path: home.caKeyFile, purpose: "ca-key" };
  await writeSealedFile(file, Buffer.from(authority.keyPem));
}

function chainOf(...certificates: readonly IssuedCertificate[]): string {
  return certificates.map(({ certPem }) => `${certPem.trimEnd()}\n`).join("");
}

/** Files that a cut attempt was about to put in their place: a key may be in one. */
async function removeDrafts(folder: string): Promise<void> {
  const drafts = (await readdir(folder)).filter((name) => name.endsWith(".draft"));
  await Promise.all(drafts.map((name) => rm(join(folder, name), { force: true })));
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
