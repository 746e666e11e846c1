import {
  type Clock,
  formatBase64Url,
  type OrgId,
  parseBase64Url,
  publicKeyBytes,
} from "@cloister/base";
import { accountsErrors } from "../errors.ts";
import { newAccount } from "../init/service-accounts.ts";
import { MAX_STATE_ATTEMPTS } from "../limits.ts";
import { generateLogSeed, openLogSigner } from "../log/log-signer.ts";
import type { Held } from "../org/json-store.ts";
import type { ClaimRecord, Records, RelayRecord, Reservation } from "../org/records.ts";
import { claimHash } from "./claim-file.ts";

export interface ClaimsOptions {
  readonly records: Records;
  readonly clock: Clock;
  /** Takes in claims that wait in the state directory. */
  readonly takeIn: () => Promise<void>;
}

/** What the founder's client needs to write a genesis. */
export interface ReservedOrg {
  readonly logKey: Uint8Array;
  readonly relayKey: Uint8Array;
  readonly relayNatsSigningKey: Uint8Array;
}

/** A claim bound to one genesis whose org is not whole yet. */
export interface FoundingClaim {
  readonly hash: string;
  readonly org: OrgId;
  readonly genesis: Uint8Array;
  readonly reservation: Reservation;
}

/** One-use codes: each founds one org. */
export class Claims {
  readonly #options: ClaimsOptions;

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  /** Reserves keys for an org; the same answer for the same code. */
  async reserve(secret: Uint8Array): Promise<ReservedOrg> {
    const hash = claimHash(secret);
    for (let attempt = 0; attempt < MAX_STATE_ATTEMPTS; attempt += 1) {
      const held = await this.#get(hash);
      if (held.value.state === "spent") throw used();
      if (held.value.state !== "open") return reservedOrg(held.value);
      const { expiresMs } = held.value;
      const value = { state: "reserved", expiresMs, ...(await this.#newReservation()) } as const;
      const { revision } = held;
      if ((await this.#options.records.claims.replace(hash, { value, revision })) !== undefined) {
        return reservedOrg(value);
      }
    }
    throw contended();
  }

  /** The reservation behind a code, for checking a genesis against it. */
  async reservation(secret: Uint8Array): Promise<Reservation | { readonly spentOn: OrgId }> {
    const { value } = await this.#get(claimHash(secret));
    switch (value.state) {
      case "open":
        throw accountsErrors.ERR_POLICY_CLAIM_UNRESERVED("nothing is reserved with this code yet");
      case "spent":
        return { spentOn: value.org };
      case "reserved":
      case "founding":
        return value;
      default:
        throw value satisfies never;
    }
  }

  /** Binds the code to one genesis, for good. Throws if it is bound to another. */
  async bind(
    secret: Uint8Array,
    founding: { readonly org: OrgId; readonly genesis: Uint8Array },
  ): Promise<void> {
    const hash = claimHash(secret);
    const genesis = formatBase64Url(founding.genesis);
    for (let attempt = 0; attempt < MAX_STATE_ATTEMPTS; attempt += 1) {
      const { value: claim, revision } = await this.#get(hash);
      if (claim.state === "founding" || claim.state === "spent") {
        if (claim.org !== founding.org) throw used();
        return;
      }
      if (claim.state === "open") {
        throw accountsErrors.ERR_POLICY_CLAIM_UNRESERVED("nothing is reserved with this code yet");
      }
      const { expiresMs: _spentNow, ...reservation } = claim;
      const value: ClaimRecord = { ...reservation, state: "founding", org: founding.org, genesis };
      if ((await this.#options.records.claims.replace(hash, { value, revision })) !== undefined) {
        return;
      }
    }
    throw contended();
  }

  /** Orgs that a cut process has left half founded. */
  async founding(): Promise<FoundingClaim[]> {
    const found: FoundingClaim[] = [];
    for (const hash of await this.#options.records.claims.ids()) {
      const claim = (await this.#options.records.claims.get(hash))?.value;
      if (claim?.state !== "founding") continue;
      const { org, genesis, ...reservation } = claim;
      found.push({ hash, org, genesis: parseBase64Url(genesis), reservation });
    }
    return found;
  }

  /** Forgets the keys: from here on the org's own record has them. */
  async spend(hash: string, org: OrgId): Promise<void> {
    const held = await this.#options.records.claims.get(hash);
    if (held === undefined || held.value.state === "spent") return;
    const change = { value: { state: "spent", org } as const, revision: held.revision };
    await this.#options.records.claims.replace(hash, change);
  }

  async #get(hash: string): Promise<Held<ClaimRecord>> {
    let held = await this.#options.records.claims.get(hash);
    if (held === undefined) {
      await this.#options.takeIn();
      held = await this.#options.records.claims.get(hash);
    }
    if (held === undefined) throw accountsErrors.ERR_POLICY_CLAIM_UNKNOWN("no such code");
    const { value } = held;
    if ("expiresMs" in value && value.expiresMs <= this.#options.clock.now()) {
      throw accountsErrors.ERR_POLICY_CLAIM_EXPIRED("this code has expired");
    }
    return held;
  }

  async #newReservation(): Promise<Reservation> {
    const relay = await this.#newestRelay();
    using seed = generateLogSeed();
    return {
      logSeed: seed.expose(formatBase64Url),
      natsAccount: newAccount(),
      storeAccount: newAccount(),
      relayKey: relay.relayKey,
      relayNatsSigningKey: relay.natsSigningKey,
    };
  }

  async #newestRelay(): Promise<RelayRecord> {
    const { relays } = this.#options.records;
    let newest: RelayRecord | undefined;
    for (const id of await relays.ids()) {
      const relay = (await relays.get(id))?.value;
      if (relay !== undefined && relay.announcedMs >= (newest?.announcedMs ?? 0)) newest = relay;
    }
    if (newest === undefined) {
      throw accountsErrors.ERR_CLAIM_RELAY_MISSING("no relay serves this fleet yet");
    }
    return newest;
  }
}

function reservedOrg(reservation: Reservation): ReservedOrg {
  return {
    logKey: publicKeyBytes(openLogSigner(reservation.logSeed).publicKey),
    relayKey: parseBase64Url(reservation.relayKey),
    relayNatsSigningKey: parseBase64Url(reservation.relayNatsSigningKey),
  };
}

function used(): Error {
  return accountsErrors.ERR_POLICY_CLAIM_USED("this code has founded another org");
}

function contended(): Error {
  return accountsErrors.ERR_STATE_CONTENDED("this code is used at the same time elsewhere");
}
