import {
  accountsScope,
  deliveryScope,
  gatewayScope,
  memberScope,
  relayScope,
  systemScope,
} from "./account-scopes.ts";
import { type ServiceName, serviceSubscription } from "./nats-grammar.ts";
import type { AccountJwtInput } from "./nats-jwt/account-jwt.ts";
import type { AccountLimitClaims, Export, Import } from "./nats-jwt/claims.ts";
import type { Nkey } from "./nats-jwt/nkey-codec.ts";

type AccountKey = Nkey<"account">;

/** An account's token but for what changes with each issue. */
export type AccountTemplate = Omit<
  AccountJwtInput,
  "issuedAtSeconds" | "expiresAtSeconds" | "revocations"
>;

export interface StorageLimits {
  readonly diskBytes: number;
  readonly streams: number;
  readonly consumers: number;
}

const noStorage: StorageLimits = { diskBytes: 0, streams: 0, consumers: 0 };

function limits(storage: StorageLimits, connections: number): AccountLimitClaims {
  return {
    subs: -1,
    data: -1,
    payload: -1,
    imports: 16,
    exports: 16,
    wildcards: true,
    disallow_bearer: true,
    conn: connections,
    leaf: 0,
    mem_storage: 0,
    disk_storage: storage.diskBytes,
    streams: storage.streams,
    consumer: storage.consumers,
    max_ack_pending: 0,
    mem_max_stream_bytes: 0,
    disk_max_stream_bytes: 0,
    max_bytes_required: storage.diskBytes !== 0,
  };
}

/** `<service>.v1.<importing account>.<user>.<method>`: the third token is held by the server. */
function serviceExport(service: ServiceName): Export {
  return {
    name: service,
    subject: serviceSubscription(service),
    type: "service",
    response_type: "Singleton",
    account_token_position: 3,
  };
}

/** Callers publish `<service>.v1.<user>.<method>`; the import puts the account's id before it. */
function serviceImport(input: {
  readonly service: ServiceName;
  readonly from: AccountKey;
  readonly into: AccountKey;
}): Import {
  return {
    name: input.service,
    subject: `${input.service}.v1.${input.into}.*.*`,
    local_subject: `${input.service}.v1.*.*`,
    account: input.from,
    type: "service",
  };
}

export interface OrgAccountInput {
  readonly account: AccountKey;
  readonly name: string;
  readonly memberKey: AccountKey;
  readonly storeAccount: AccountKey;
  readonly deliveryAccount: AccountKey;
  readonly connections: number;
}

/**
 * An org's account: its members' devices and nothing else. JetStream is off in it. A reply subject
 * is covered by no permission, and the server's own answers are not either, so a member could send
 * bytes of its choice to any subject of its own account: with JetStream on, to `$JS.API` too.
 */
export function orgAccount(input: OrgAccountInput): AccountTemplate {
  const { account } = input;
  return {
    account,
    name: input.name,
    limits: limits(noStorage, input.connections),
    scopes: [memberScope(input.memberKey)],
    imports: [
      ...storeSubjects.map(({ name, subject }) => ({
        name,
        subject,
        account: input.storeAccount,
        type: "service" as const,
      })),
      serviceImport({ service: "ds", from: input.deliveryAccount, into: account }),
    ],
    exports: [],
  };
}

/** What a member's device reaches of its org's streams, each to its exact depth. */
const storeSubjects = [
  { name: "room", subject: "room.*.*", answers: "Singleton" },
  { name: "file", subject: "file.*.*.*.*", answers: "Singleton" },
  { name: "last", subject: "$JS.API.DIRECT.GET.ROOMS.room.*.*", answers: "Singleton" },
  { name: "chunk", subject: "$JS.API.DIRECT.GET.FILES.file.*.*.*.*", answers: "Singleton" },
  { name: "next", subject: "$JS.API.CONSUMER.MSG.NEXT.ROOMS.*", answers: "Stream" },
  { name: "ack", subject: "$JS.ACK.ROOMS.*.*.*.*.*.*", answers: "Singleton" },
] as const;

export interface StoreAccountInput {
  readonly account: AccountKey;
  readonly name: string;
  readonly relayKey: AccountKey;
  readonly storage: StorageLimits;
}

/** An org's streams and consumers, in an account where only the relay signs in. */
export function storeAccount(input: StoreAccountInput): AccountTemplate {
  return {
    account: input.account,
    name: input.name,
    limits: limits(input.storage, 100),
    scopes: [relayScope(input.relayKey)],
    imports: [],
    exports: storeSubjects.map(({ name, subject, answers }) => ({
      name,
      subject,
      type: "service" as const,
      response_type: answers,
    })),
  };
}

export interface ServiceAccountInput {
  readonly account: AccountKey;
  readonly signingKey: AccountKey;
  readonly storage: StorageLimits;
}

/** DELIVERY: the relay's service and its handshake streams; no clients. */
export function deliveryAccount(
  input: ServiceAccountInput & { readonly accountsAccount: AccountKey },
): AccountTemplate {
  const { account, accountsAccount: from } = input;
  return {
    account,
    name: "DELIVERY",
    limits: limits(input.storage, 100),
    scopes: [deliveryScope(input.signingKey)],
    imports: [serviceImport({ service: "accounts", from, into: account })],
    exports: [serviceExport("ds")],
  };
}

/** ACCOUNTS: the accounts service and the statements logs; no clients. */
export function accountsAccount(input: ServiceAccountInput): AccountTemplate {
  return {
    account: input.account,
    name: "ACCOUNTS",
    limits: limits(input.storage, 100),
    scopes: [accountsScope(input.signingKey)],
    imports: [],
    exports: [serviceExport("accounts")],
  };
}

/** GATEWAY: the gateways' sealed buckets; with DELIVERY the only account that may call `accounts.v1`. */
export function gatewayAccount(
  input: ServiceAccountInput & { readonly accountsAccount: AccountKey },
): AccountTemplate {
  const { account, accountsAccount: from } = input;
  return {
    account,
    name: "GATEWAY",
    limits: limits(input.storage, 100),
    scopes: [gatewayScope(input.signingKey)],
    imports: [serviceImport({ service: "accounts", from, into: account })],
    exports: [],
  };
}

/** SYS: the servers' own account; the accounts service pushes tokens through it. */
export function systemAccount(input: Omit<ServiceAccountInput, "storage">): AccountTemplate {
  return {
    account: input.account,
    name: "SYS",
    limits: limits(noStorage, 20),
    scopes: [systemScope(input.signingKey)],
    imports: [],
    exports: [],
  };
}
