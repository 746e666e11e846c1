import { hasErrorCode } from "@cloister/base";
import type { accountsV1, MethodName, RequestOf, ResponseOf } from "@cloister/proto";
import { callNats } from "@cloister/server-kit";
import type { NatsConnection } from "@nats-io/nats-core";
import { gatewayErrors } from "./errors.ts";
import { ACCOUNTS_TIMEOUT_MS } from "./limits.ts";

const service = "cloister.accounts.v1.AccountsService";
type AccountsMethod = Extract<MethodName, `${typeof service}/${string}`>;

/** Port: what the gateway asks of accounts. Errors that accounts tells pass through as they are. */
export interface AccountsClient {
  reserveOrg(claimSecret: Uint8Array): Promise<accountsV1.ReserveOrgResponse>;
  createOrg(request: {
    readonly claimSecret: Uint8Array;
    readonly genesis: Uint8Array;
  }): Promise<accountsV1.SubmitResponse>;
  submit(request: {
    readonly orgId: Uint8Array;
    readonly statement: Uint8Array;
  }): Promise<accountsV1.SubmitResponse>;
}

export interface AccountsClientOptions {
  /** In the account GATEWAY, which imports the service. */
  readonly connection: NatsConnection;
  readonly subjectOf: (method: string) => string;
  readonly timeoutMs?: number | undefined;
}

export function natsAccountsClient(options: AccountsClientOptions): AccountsClient {
  const call = <Name extends AccountsMethod>(method: Name, request: RequestOf<Name>) =>
    callAccounts(options, method, request);
  return {
    reserveOrg: (claimSecret) => call(`${service}/ReserveOrg`, { claimSecret }),
    createOrg: (request) => call(`${service}/CreateOrg`, request),
    submit: (request) => call(`${service}/Submit`, request),
  };
}

async function callAccounts<Name extends AccountsMethod>(
  { connection, subjectOf, timeoutMs = ACCOUNTS_TIMEOUT_MS }: AccountsClientOptions,
  method: Name,
  request: RequestOf<Name>,
): Promise<ResponseOf<Name>> {
  const subject = subjectOf(method.slice(service.length + 1));
  try {
    return await callNats({ connection, subject, method, request, timeoutMs });
  } catch (cause) {
    const isAway =
      hasErrorCode(cause, "ERR_RPC_UNAVAILABLE") || hasErrorCode(cause, "ERR_RPC_TIMEOUT");
    if (!isAway) throw cause;
    throw gatewayErrors.ERR_ACCOUNTS_UNAVAILABLE("accounts does not answer at the moment", {
      cause,
    });
  }
}
