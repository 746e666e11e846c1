import type {
  Account,
  ConnectionType,
  Export,
  Import,
  Operator,
  OperatorLimits,
  Permissions,
  RevocationList,
  User,
} from "@nats-io/jwt";
import type { Nkey } from "./nkey-codec.ts";

export type { ConnectionType, Export, Import, RevocationList };

/** The three kinds of NATS JWT that we issue and read. */
export type NatsJwtType = "operator" | "account" | "user";

/** Subjects a user may use. An empty list would mean "all", so it is refused when encoding. */
export interface AllowList {
  readonly allow: readonly string[];
}

/** What a scoped signing key lets its users do; `resp` is left out, for any value grants replies. */
export interface ScopeTemplate {
  readonly pub: AllowList;
  readonly sub: AllowList;
  readonly subs: number;
  readonly data: number;
  readonly payload: number;
  readonly allowed_connection_types: readonly ConnectionType[];
}

export interface SigningScope {
  readonly key: Nkey<"account">;
  readonly role: string;
  readonly template: ScopeTemplate;
}

/** Every limit said: a missing one means 0 connections, or no limit, depending on the field. */
export interface AccountLimitClaims {
  readonly subs: number;
  readonly data: number;
  readonly payload: number;
  readonly imports: number;
  readonly exports: number;
  readonly wildcards: boolean;
  readonly disallow_bearer: true;
  readonly conn: number;
  readonly leaf: number;
  readonly mem_storage: number;
  readonly disk_storage: number;
  readonly streams: number;
  readonly consumer: number;
  readonly max_ack_pending: number;
  readonly mem_max_stream_bytes: number;
  readonly disk_max_stream_bytes: number;
  readonly max_bytes_required: boolean;
}

/** Decoded claims as they stand in a token; nothing in them is trusted before `verifyNatsJwt`. */
export interface NatsClaims {
  readonly jti: string;
  readonly iat: number;
  readonly iss: string;
  readonly sub: string;
  readonly name: string;
  readonly exp?: number;
  readonly nbf?: number;
  readonly nats: OperatorClaims | AccountClaims | UserClaims;
}

export type OperatorClaims = Operator & { readonly type: "operator" };
export type AccountClaims = Omit<Account, "limits"> & {
  readonly type: "account";
  readonly limits?: OperatorLimits;
};
export type UserClaims = Partial<User> & Permissions & { readonly type: "user" };
