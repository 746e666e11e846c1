import { type OrgId, parseOrgId } from "@cloister/base";
import { type Nkey, parseNkey, type RevocationList, type SealedBucket } from "@cloister/server-kit";
import { JsonStore, malformedRecord, textsOf } from "./json-store.ts";

/** What a claim has reserved. Bytes are base64url; the seed is the log's private key. */
export interface Reservation {
  readonly logSeed: string;
  readonly natsAccount: string;
  readonly storeAccount: string;
  readonly relayKey: string;
  readonly relayNatsSigningKey: string;
}

/**
 * A claim's way: open, then reserved, then founding (bound to one genesis), then spent. Each step
 * is one compare-and-set, so a code founds one org whatever is repeated, raced or cut.
 */
export type ClaimRecord =
  | { readonly state: "open"; readonly expiresMs: number }
  | ({ readonly state: "reserved"; readonly expiresMs: number } & Reservation)
  | ({ readonly state: "founding"; readonly org: OrgId; readonly genesis: string } & Reservation)
  | { readonly state: "spent"; readonly org: OrgId };

/** An org's two NATS accounts. Nobody has their private keys: see `newAccount`. */
export interface OrgAccountKeys {
  /** Members' devices connect here. */
  readonly natsAccount: Nkey<"account">;
  /** Holds the org's streams; the relay alone connects. */
  readonly storeAccount: Nkey<"account">;
}

/** What accounts keeps of an org beside its log. */
export interface OrgRecord extends OrgAccountKeys {
  readonly logSeed: string;
}

/** The newest token of one of the org's accounts, and whether every server has confirmed it. */
export interface AccountRecord {
  readonly logSize: number;
  readonly issuedAtSeconds: number;
  /** Hash over all of the token's contents but time and revocations. */
  readonly contents: string;
  readonly revocations: RevocationList;
  readonly jwt: string;
  readonly isConfirmed: boolean;
}

/** A relay's public keys as it announced them, base64url. */
export interface RelayRecord {
  readonly relayKey: string;
  readonly natsSigningKey: string;
  readonly announcedMs: number;
}

export interface Records {
  readonly claims: JsonStore<ClaimRecord>;
  readonly orgs: JsonStore<OrgRecord>;
  readonly accounts: JsonStore<AccountRecord>;
  readonly relays: JsonStore<RelayRecord>;
}

export function openRecords(bucket: SealedBucket): Records {
  return {
    claims: new JsonStore(bucket, "claim", parseClaim),
    orgs: new JsonStore(bucket, "org", parseOrg),
    accounts: new JsonStore(bucket, "account", parseAccount),
    relays: new JsonStore(bucket, "relay", parseRelay),
  };
}

const reservationFields = [
  "logSeed",
  "natsAccount",
  "storeAccount",
  "relayKey",
  "relayNatsSigningKey",
] as const;

function parseClaim(value: unknown): ClaimRecord {
  const { state } = textsOf(value, ["state"]);
  switch (state) {
    case "open":
      return { state, expiresMs: numberOf(value, "expiresMs") };
    case "reserved":
      return {
        state,
        expiresMs: numberOf(value, "expiresMs"),
        ...textsOf(value, reservationFields),
      };
    case "founding": {
      const { org, genesis, ...rest } = textsOf(value, ["org", "genesis", ...reservationFields]);
      return { state, org: parseOrgId(org), genesis, ...rest };
    }
    case "spent":
      return { state, org: parseOrgId(textsOf(value, ["org"]).org) };
    default:
      throw malformedRecord();
  }
}

function parseOrg(value: unknown): OrgRecord {
  const { logSeed, ...accounts } = textsOf(value, ["logSeed", "natsAccount", "storeAccount"]);
  return {
    logSeed,
    natsAccount: parseNkey("account", accounts.natsAccount),
    storeAccount: parseNkey("account", accounts.storeAccount),
  };
}

function parseAccount(value: unknown): AccountRecord {
  const { contents, jwt } = textsOf(value, ["contents", "jwt"]);
  const record = value as { readonly revocations?: unknown; readonly isConfirmed?: unknown };
  const { revocations, isConfirmed } = record;
  if (typeof isConfirmed !== "boolean") throw malformedRecord();
  if (typeof revocations !== "object" || revocations === null) throw malformedRecord();
  const list = Object.keys(revocations).map((user) => [user, numberOf(revocations, user)] as const);
  return {
    logSize: numberOf(value, "logSize"),
    issuedAtSeconds: numberOf(value, "issuedAtSeconds"),
    contents,
    revocations: Object.fromEntries(list),
    jwt,
    isConfirmed,
  };
}

function parseRelay(value: unknown): RelayRecord {
  const { relayKey, natsSigningKey } = textsOf(value, ["relayKey", "natsSigningKey"]);
  return { relayKey, natsSigningKey, announcedMs: numberOf(value, "announcedMs") };
}

function numberOf(value: unknown, name: string): number {
  const number = (value as Record<string, unknown>)[name];
  if (typeof number !== "number" || !Number.isSafeInteger(number)) throw malformedRecord();
  return number;
}
