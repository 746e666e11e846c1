import type { Clock, OrgId, Random } from "@cloister/base";
import type { LogReplica } from "@cloister/rules";
import type { AccountsClient } from "./accounts-client.ts";
import type { FactorBook } from "./factors/factor-book.ts";
import type { OrgAccounts } from "./keys/org-accounts.ts";
import type { OrgKeyBook } from "./keys/org-keys.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { NonceRegister } from "./state/nonce-register.ts";

/** Port: the statements logs, as `LogFollower` of server-kit follows them. */
export interface OrgLogs {
  /** The newest verified log, or undefined for an org unknown here; throws where it was refused. */
  replica(org: OrgId): LogReplica | undefined;
  records(org: OrgId, range: { readonly from: number; readonly max: number }): Uint8Array[];
  /** The log as the stream has it now, however far the follower had come; fails where nobody can say. */
  newest(org: OrgId): Promise<LogReplica>;
  waitForSize(
    org: OrgId,
    size: number,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<LogReplica>;
}

/** What handlers and middleware stand on. */
export interface GatewayParts {
  readonly version: string;
  readonly natsUrls: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logs: OrgLogs;
  readonly accounts: AccountsClient;
  readonly orgKeys: OrgKeyBook;
  readonly orgAccounts: OrgAccounts;
  readonly factors: FactorBook;
  readonly nonces: NonceRegister;
  readonly rates: RateLimits;
  /** Told of what is nobody's answer: a state that could not be written after the fact. */
  readonly onFault: (fault: unknown, where: { readonly method: string }) => void;
}
