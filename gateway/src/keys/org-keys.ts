import { createHash } from "node:crypto";
import {
  concatBytes,
  equalBytes,
  type GatewayKey,
  type Random,
  randomBytes,
  SecretBytes,
  type Signer,
} from "@cloister/base";
import { authorisedServices, type OrgState } from "@cloister/rules";
import { ed25519Signer, NkeyPair } from "@cloister/server-kit";
import { gatewayErrors } from "../errors.ts";
import { MAX_CACHED_ORG_KEYS } from "../limits.ts";
import type { StateBucket } from "../state/state-bucket.ts";
import { nkeyRawBytes } from "./nkey-bytes.ts";

const seedBytes = 32;

/** What a gateway signs with for one org: one key a purpose. */
export interface OrgKeys {
  /** Sessions, grants, passes. */
  readonly signer: Signer<"gateway">;
  /** User tokens of the org's NATS account, confined by the account's scope template. */
  readonly natsSigner: NkeyPair<"account">;
}

export interface OrgKeyBookOptions {
  readonly bucket: StateBucket;
  readonly random: Random;
}

/**
 * The gateways' keys of every org, sealed and shared by all gateways of the fleet. Which of them
 * count for an org is not noted here: the org's log says so (`GatewaySet`).
 */
export class OrgKeyBook {
  readonly #options: OrgKeyBookOptions;
  readonly #opened = new Map<GatewayKey, OrgKeys>();

  constructor(options: OrgKeyBookOptions) {
    this.#options = options;
  }

  /** The keys for the org that this claim founds: the same ones each time. */
  async reserve(claimSecret: Uint8Array): Promise<OrgKeys> {
    const { bucket, random } = this.#options;
    const claimKey = `claim.${claimDigest(claimSecret)}`;
    const fresh = randomBytes(random, 2 * seedBytes);
    try {
      await bucket.create(claimKey, fresh);
    } finally {
      fresh.fill(0);
    }
    using seeds = await this.#read(claimKey);
    if (seeds === undefined) throw gatewayErrors.ERR_STATE_MALFORMED("a reservation has vanished");
    const keys = openKeys(seeds);
    // Found again by what the owner's GatewaySet names; a repeated call finds it there already.
    const copy = seeds.expose((bytes) => Uint8Array.from(bytes));
    try {
      await bucket.create(signingEntry(keys.signer.publicKey), copy);
    } finally {
      copy.fill(0);
    }
    return keys;
  }

  /** The keys that the org's log authorises and that this fleet holds; refuses where there are none. */
  async serving(state: OrgState, at: number): Promise<OrgKeys> {
    for (const { key, natsSigningKey } of authorisedServices(state, at).gateways) {
      const keys = this.#opened.get(key) ?? (await this.#open(key));
      if (keys === undefined) continue;
      if (equalBytes(nkeyRawBytes(keys.natsSigner.publicKey), natsSigningKey)) return keys;
    }
    throw gatewayErrors.ERR_ORG_NOT_SERVED("the org has not authorised this gateway");
  }

  async #open(key: GatewayKey): Promise<OrgKeys | undefined> {
    using seeds = await this.#read(signingEntry(key));
    if (seeds === undefined) return undefined;
    const keys = openKeys(seeds);
    if (this.#opened.size >= MAX_CACHED_ORG_KEYS) this.#opened.clear();
    this.#opened.set(key, keys);
    return keys;
  }

  async #read(entry: string): Promise<SecretBytes | undefined> {
    return (await this.#options.bucket.get(entry))?.value;
  }
}

function openKeys(seeds: SecretBytes): OrgKeys {
  if (seeds.lengthBytes !== 2 * seedBytes) {
    throw gatewayErrors.ERR_STATE_MALFORMED("stored keys of an org have another length");
  }
  return seeds.expose((bytes) => {
    using signingSeed = SecretBytes.copyOf(bytes.subarray(0, seedBytes));
    return {
      signer: ed25519Signer("gateway", signingSeed),
      natsSigner: NkeyPair.fromSeedBytes("account", bytes.subarray(seedBytes)),
    };
  });
}

function signingEntry(key: GatewayKey): string {
  return `signing.${key}`;
}

/** A claim code is 256 random bits, so its digest tells nothing of it. */
function claimDigest(claimSecret: Uint8Array): string {
  const label = new TextEncoder().encode("cloister/v1/claim\0");
  return createHash("sha256").update(concatBytes(label, claimSecret)).digest("hex");
}
