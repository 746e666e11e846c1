import { createHash, randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, formatBase32, parseEpochMs, parseUtf8, SecretBytes } from "@cloister/base";
import {
  type BoxOptions,
  isSystemError,
  openBox,
  readSealedFile,
  type SealingKey,
  writeSealedFile,
} from "@cloister/server-kit";
import { readFleet } from "../init/fleet-file.ts";
import { claimsDir } from "../init/paths.ts";
import { CLAIM_LIFETIME_MS, CLAIM_SECRET_BYTES, MAX_WAITING_CLAIMS } from "../limits.ts";

/** A claim is known by the hash of its secret: what is stored cannot be used. */
export function claimHash(secret: Uint8Array): string {
  const hash = createHash("sha256").update("cloister/v1/claim\0").update(secret).digest();
  return formatBase32(hash);
}

export interface IssueClaimOptions extends BoxOptions {
  readonly stateDir: string;
  readonly lifetimeMs?: number;
  readonly clock?: Clock;
}

/**
 * Makes a one-use code that founds one org; returns its secret (32 bytes), to be shown once. Works
 * without a server: the claim waits in the state directory for the service to take it in.
 */
export async function issueClaim(options: IssueClaimOptions): Promise<SecretBytes> {
  await readFleet(options.stateDir);
  using box = await openBox(options.stateDir, options);
  const nowMs = options.clock?.now() ?? parseEpochMs(Date.now());
  const expiresMs = nowMs + (options.lifetimeMs ?? CLAIM_LIFETIME_MS);
  const secret = SecretBytes.from(randomBytes(CLAIM_SECRET_BYTES));
  const hash = secret.expose(claimHash);
  await writeSealedFile(claimFile(options.stateDir, box, hash), Buffer.from(String(expiresMs)));
  return secret;
}

/** A claim that waits in the state directory. */
export interface WaitingClaim {
  readonly hash: string;
  readonly expiresMs: number;
}

export async function waitingClaims(stateDir: string, box: SealingKey): Promise<WaitingClaim[]> {
  const names = await namesIn(claimsDir(stateDir));
  const hashes = names.flatMap((name) => /^([a-z2-7]{52})\.sealed$/.exec(name)?.[1] ?? []);
  const claims: WaitingClaim[] = [];
  for (const hash of hashes.slice(0, MAX_WAITING_CLAIMS)) {
    using opened = await readSealedFile(claimFile(stateDir, box, hash));
    claims.push({ hash, expiresMs: parseEpochMs(Number(opened.expose(parseUtf8))) });
  }
  return claims;
}

export async function removeWaitingClaim(stateDir: string, hash: string): Promise<void> {
  await rm(join(claimsDir(stateDir), `${hash}.sealed`), { force: true });
}

function claimFile(stateDir: string, key: SealingKey, hash: string) {
  const path = join(claimsDir(stateDir), `${hash}.sealed`);
  return { key, path, purpose: `claim/${hash}` };
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}
