import {
  type Clock,
  equalBytes,
  formatBase64Url,
  type OrgId,
  parseOrgId,
  publicKeyFromBytes,
} from "@cloister/base";
import { type LogReplica, prepareGenesis, relayAt } from "@cloister/rules";
import { parseNkey } from "@cloister/server-kit";
import { claimHash } from "../claims/claim-file.ts";
import type { Claims, FoundingClaim, ReservedOrg } from "../claims/claims.ts";
import { accountsErrors } from "../errors.ts";
import { openLogSigner } from "../log/log-signer.ts";
import type { LogStream } from "../log/log-stream.ts";
import { type LogPosition, OrgLog } from "../log/org-log.ts";
import type { OrgAccounts } from "./org-accounts.ts";
import type { OrgAccountKeys, OrgRecord, Records } from "./records.ts";

export interface OrgsOptions {
  readonly records: Records;
  readonly claims: Claims;
  readonly stream: LogStream;
  readonly accounts: OrgAccounts;
  readonly clock: Clock;
}

/** A statement's place in the log, and where the org's members connect. */
export interface Appended extends LogPosition {
  readonly accounts: OrgAccountKeys;
}

export interface RelayKeys {
  readonly relayKey: Uint8Array;
  readonly natsSigningKey: Uint8Array;
}

/** Founds orgs, appends to their logs, and keeps their NATS accounts as the logs say. */
export class Orgs {
  readonly #options: OrgsOptions;
  readonly #logs = new Map<OrgId, OrgLog>();
  /** They never change once they are written. */
  readonly #known = new Map<OrgId, OrgRecord>();

  constructor(options: OrgsOptions) {
    this.#options = options;
  }

  reserve(secret: Uint8Array): Promise<ReservedOrg> {
    return this.#options.claims.reserve(secret);
  }

  /** Founds the org of this genesis; the same call again finishes what was cut, or finds it done. */
  async found(secret: Uint8Array, genesis: Uint8Array): Promise<Appended> {
    const { claims, records } = this.#options;
    const reservation = await claims.reservation(secret);
    const keys = "spentOn" in reservation ? await this.#record(reservation.spentOn) : reservation;
    const { publicKey: logKey } = openLogSigner(keys.logSeed);
    const { org } = prepareGenesis({
      statement: genesis,
      nowMs: this.#options.clock.now(),
      logKey,
    });
    await claims.bind(secret, { org, genesis });
    const known = await records.orgs.get(org);
    if (known !== undefined) return this.submit(org, genesis);
    if ("spentOn" in reservation) throw unknownOrg(org);
    return this.#finish({ hash: claimHash(secret), org, genesis, reservation });
  }

  /** Appends a statement that the rules allow, and settles the accounts that it changes. */
  async submit(org: OrgId, statement: Uint8Array): Promise<Appended> {
    const record = await this.#record(org);
    const log = this.#log(org);
    const appended = await log.append(statement, openLogSigner(record.logSeed));
    await this.#options.accounts.settle({ org, accounts: record, state: newest(log).state });
    return { ...appended, accounts: record };
  }

  /** Remembers a relay's keys; the orgs whose log authorises it. */
  async announceRelay(keys: RelayKeys): Promise<(OrgAccountKeys & { readonly org: OrgId })[]> {
    await this.#rememberRelay(keys);
    const key = publicKeyFromBytes("relay", keys.relayKey);
    const found: (OrgAccountKeys & { readonly org: OrgId })[] = [];
    for (const org of await this.all()) {
      const replica = await this.#log(org).refresh();
      if (replica === undefined) continue;
      const relay = relayAt(replica.state, { key, at: replica.size });
      if (relay === undefined || !equalBytes(relay.natsSigningKey, keys.natsSigningKey)) continue;
      const { natsAccount, storeAccount } = await this.#record(org);
      found.push({ org, natsAccount, storeAccount });
    }
    return found;
  }

  /** Finishes foundings that were cut. */
  async finishFoundings(): Promise<void> {
    for (const claim of await this.#options.claims.founding()) await this.#finish(claim);
  }

  /** Brings one org's accounts to what its log says, whatever the servers hold now. */
  async repair(org: OrgId): Promise<void> {
    const record = await this.#record(org);
    const replica = await this.#log(org).refresh();
    if (replica === undefined) return;
    await this.#options.accounts.repair({ org, accounts: record, state: replica.state });
  }

  /** Every org of this fleet. */
  async all(): Promise<OrgId[]> {
    const ids = await this.#options.records.orgs.ids();
    return ids.map(parseOrgId);
  }

  /** Each step may be the last before a crash; done again, each finds what it did before. */
  async #finish({ hash, org, genesis, reservation }: FoundingClaim): Promise<Appended> {
    const record: OrgRecord = {
      logSeed: reservation.logSeed,
      natsAccount: parseNkey("account", reservation.natsAccount),
      storeAccount: parseNkey("account", reservation.storeAccount),
    };
    await this.#options.records.orgs.create(org, record);
    const appended = await this.submit(org, genesis);
    await this.#options.claims.spend(hash, org);
    return appended;
  }

  async #rememberRelay(keys: RelayKeys): Promise<void> {
    const { relays } = this.#options.records;
    const id = publicKeyFromBytes("relay", keys.relayKey);
    const value = {
      relayKey: formatBase64Url(keys.relayKey),
      natsSigningKey: formatBase64Url(keys.natsSigningKey),
      announcedMs: this.#options.clock.now(),
    };
    const held = await relays.get(id);
    if (held === undefined) await relays.create(id, value);
    else await relays.replace(id, { value, revision: held.revision });
  }

  async #record(org: OrgId): Promise<OrgRecord> {
    const known = this.#known.get(org);
    if (known !== undefined) return known;
    const held = await this.#options.records.orgs.get(org);
    if (held === undefined) throw unknownOrg(org);
    this.#known.set(org, held.value);
    return held.value;
  }

  #log(org: OrgId): OrgLog {
    const known = this.#logs.get(org);
    if (known !== undefined) return known;
    const { stream, clock } = this.#options;
    const log = new OrgLog({ org, stream, clock });
    this.#logs.set(org, log);
    return log;
  }
}

function newest(log: OrgLog): LogReplica {
  if (log.replica === undefined) throw unknownOrg(log.org);
  return log.replica;
}

function unknownOrg(org: OrgId): Error {
  return accountsErrors.ERR_ORG_UNKNOWN("no such org on this server", { details: { org } });
}
