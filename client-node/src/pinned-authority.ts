import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { connect, type PeerCertificate } from "node:tls";
import { equalBytes, formatHex } from "@cloister/base";
import { clientNodeErrors } from "./errors.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** Leaf, authority, and whatever a proxy of the org's put between. */
const MAX_CHAIN = 8;

/**
 * The certificate authority that an invitation or claim pinned by hash. It is fetched once from the
 * server's own chain, compared with the hash, kept in the profile (it is public), and from then on is
 * the only authority that TLS trusts. Until it is known nothing is sent.
 */
export class PinnedAuthorities {
  readonly #fileOf: (sha256Hex: string) => string;
  readonly #known = new Map<string, string>();

  /** `fileOf` says where the certificate with this hash is kept. */
  constructor(fileOf: (sha256Hex: string) => string) {
    this.#fileOf = fileOf;
  }

  /** PEM of the pinned authority; undefined where nothing is pinned: the platform's own list counts. */
  async pemFor(baseUrl: string, sha256: Uint8Array | undefined): Promise<string | undefined> {
    if (sha256 === undefined) return undefined;
    const name = formatHex(sha256);
    const known = this.#known.get(name) ?? (await this.#readKept(name, sha256));
    const pem = known ?? (await this.#fetch(baseUrl, { name, sha256 }));
    this.#known.set(name, pem);
    return pem;
  }

  /** The same for who has talked to the gateway before; fetches nothing. */
  async knownPem(sha256: Uint8Array | undefined): Promise<string | undefined> {
    if (sha256 === undefined) return undefined;
    const name = formatHex(sha256);
    const pem = this.#known.get(name) ?? (await this.#readKept(name, sha256));
    if (pem !== undefined) return pem;
    throw clientNodeErrors.ERR_SERVER_UNPINNED("the gateway's certificate is not known yet");
  }

  async #readKept(name: string, sha256: Uint8Array): Promise<string | undefined> {
    try {
      const pem = await readFile(this.#fileOf(name), "utf8");
      return equalBytes(hashOfDer(derOf(pem)), sha256) ? pem : undefined;
    } catch {
      return undefined;
    }
  }

  async #fetch(
    baseUrl: string,
    pin: { readonly name: string; readonly sha256: Uint8Array },
  ): Promise<string> {
    const found = (await peerChain(new URL(baseUrl))).find((der) =>
      equalBytes(hashOfDer(der), pin.sha256),
    );
    if (found === undefined) {
      throw clientNodeErrors.ERR_SERVER_UNPINNED("this server's certificate is not the pinned one");
    }
    const pem = pemOf(found);
    const file = this.#fileOf(pin.name);
    await writeFile(`${file}.new`, pem, { mode: 0o600 });
    await rename(`${file}.new`, file);
    return pem;
  }
}

/**
 * The chain as the server shows it, unverified: nothing is sent on this connection, and a
 * certificate from it counts only if it hashes to the pin.
 */
async function peerChain(url: URL): Promise<Uint8Array[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array[]>();
  const host = url.hostname.replaceAll(/[[\]]/g, "");
  const socket = connect({
    host,
    // What routes by name needs it (RFC 6066 §3: no addresses).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    port: Number(url.port === "" ? 443 : url.port),
    minVersion: "TLSv1.3",
    rejectUnauthorized: false,
  });
  const fail = (cause: unknown): void => {
    reject(clientNodeErrors.ERR_SERVER_UNREACHABLE(`no TLS 1.3 server at ${url.host}`, { cause }));
  };
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => fail(new Error("no answer")));
  socket.once("error", fail);
  socket.once("secureConnect", () => resolve(chainOf(socket.getPeerCertificate(true))));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

function chainOf(leaf: PeerCertificate & { readonly issuerCertificate?: unknown }): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let at: unknown = leaf;
  while (isCertificate(at) && chain.length < MAX_CHAIN) {
    chain.push(at.raw);
    if (at.issuerCertificate === at) break;
    at = at.issuerCertificate;
  }
  return chain;
}

function isCertificate(value: unknown): value is { raw: Uint8Array; issuerCertificate?: unknown } {
  return (
    typeof value === "object" && value !== null && "raw" in value && value.raw instanceof Uint8Array
  );
}

function hashOfDer(der: Uint8Array): Uint8Array {
  return createHash("sha256").update(der).digest();
}

function derOf(pem: string): Uint8Array {
  return Buffer.from(pem.replaceAll(/-----[A-Z ]+-----/g, ""), "base64");
}

function pemOf(der: Uint8Array): string {
  const lines = Buffer.from(der).toString("base64").replaceAll(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
