import { parseUtf8, type SecretBytes } from "@cloister/base";
import { NkeyPair } from "../nats-jwt/nkey-pair.ts";
import type { SealingKey } from "./seal.ts";
import { readSealedFile, writeSealedFile } from "./sealed-file.ts";
import { sealingErrors } from "./sealing-errors.ts";

/** With what a service of the fleet connects to NATS: token and key pair of one user. */
export interface ServiceCredentials {
  readonly jwt: string;
  readonly pair: NkeyPair<"user">;
}

export interface CredentialsFile {
  /** The box's key. */
  readonly key: SealingKey;
  readonly path: string;
  /** Which user, such as "gateway": a file put in another's place does not open. */
  readonly user: string;
}

export async function writeServiceCredentials(
  file: CredentialsFile,
  credentials: ServiceCredentials,
): Promise<void> {
  const { jwt, pair } = credentials;
  const bytes = pair.exposeSeedText((seed) => Buffer.from(JSON.stringify({ jwt, seed })));
  try {
    await writeSealedFile({ ...file, purpose: purposeOf(file) }, bytes);
  } finally {
    bytes.fill(0);
  }
}

export async function readServiceCredentials(file: CredentialsFile): Promise<ServiceCredentials> {
  using opened = await readSealedFile({ ...file, purpose: purposeOf(file) });
  return parseCredentials(opened);
}

function parseCredentials(opened: SecretBytes): ServiceCredentials {
  const value: unknown = opened.expose((bytes) => JSON.parse(parseUtf8(bytes)));
  if (typeof value === "object" && value !== null && "jwt" in value && "seed" in value) {
    const { jwt, seed } = value;
    if (typeof jwt === "string" && typeof seed === "string") {
      return { jwt, pair: NkeyPair.fromSeedText("user", seed) };
    }
  }
  throw sealingErrors.ERR_SEALED_MALFORMED("the sealed credentials of a service are malformed");
}

function purposeOf(file: CredentialsFile): string {
  return `service-credentials/${file.user}`;
}
