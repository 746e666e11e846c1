import {
  encodeUserJwt,
  type Nkey,
  NkeyPair,
  type NkeySigner,
  readServiceCredentials,
  type SealingKey,
  verifyNatsJwt,
  writeServiceCredentials,
} from "@cloister/server-kit";
import { SERVICE_JWT_RENEW_SECONDS, SERVICE_JWT_SECONDS } from "../limits.ts";
import type { FleetFacts, ServiceAccountName } from "./fleet-file.ts";
import { credentialsPath } from "./paths.ts";
import type { ScopeKeys, ScopeName } from "./service-accounts.ts";

/** Who connects where: one user a duty, so that a stolen file gives one duty. */
export const serviceUsers = {
  /** accounts: pushes account tokens. */
  "accounts-system": { account: "system", scope: "system" },
  /** accounts: its buckets, its service. */
  accounts: { account: "accounts", scope: "accounts" },
  /** accounts: appends to the logs. */
  "accounts-log": { account: "log", scope: "log" },
  /** gateway: its buckets, and calls to accounts. */
  gateway: { account: "gateway", scope: "gateway" },
  /** gateway: reads the log. */
  "gateway-log": { account: "followers", scope: "follower" },
  /** relay: handshakes, key packages, the Delivery Service. */
  relay: { account: "delivery", scope: "delivery" },
  /** relay: reads the log. */
  "relay-log": { account: "followers", scope: "follower" },
} as const satisfies Record<string, { account: ServiceAccountName; scope: ScopeName }>;

export type ServiceUserName = keyof typeof serviceUsers;
export const serviceUserNames = Object.keys(serviceUsers) as ServiceUserName[];

export interface WriteUsersInput {
  readonly box: SealingKey;
  /** The folder of accounts in the state directory. */
  readonly directory: string;
  readonly accounts: FleetFacts["accounts"];
  readonly keys: ScopeKeys;
  readonly nowSeconds: number;
}

export async function writeServiceUsers(input: WriteUsersInput): Promise<void> {
  for (const user of serviceUserNames) {
    const { account, scope } = serviceUsers[user];
    using pair = NkeyPair.generate("user");
    const jwt = issueServiceJwt({
      user: pair.publicKey,
      account: input.accounts[account],
      name: user,
      signer: input.keys[scope],
      nowSeconds: input.nowSeconds,
    });
    const path = credentialsPath(input.directory, user);
    await writeServiceCredentials({ key: input.box, path, user }, { jwt, pair });
  }
}

/** Gives every service user whose token is half spent a new one for the same key. */
export async function renewServiceUsers(input: WriteUsersInput): Promise<ServiceUserName[]> {
  const renewed: ServiceUserName[] = [];
  for (const user of serviceUserNames) {
    const file = { key: input.box, path: credentialsPath(input.directory, user), user };
    const { jwt, pair } = await readServiceCredentials(file);
    using held = pair;
    const { account, scope } = serviceUsers[user];
    const signer = input.keys[scope];
    if (secondsLeft(jwt, signer, input.nowSeconds) > SERVICE_JWT_RENEW_SECONDS) continue;
    const fresh = issueServiceJwt({
      user: held.publicKey,
      account: input.accounts[account],
      name: user,
      signer,
      nowSeconds: input.nowSeconds,
    });
    await writeServiceCredentials(file, { jwt: fresh, pair: held });
    renewed.push(user);
  }
  return renewed;
}

/** Zero for a token that is over, or of another signing key. */
function secondsLeft(jwt: string, signer: NkeySigner<"account">, nowSeconds: number): number {
  try {
    const issuers = new Set([signer.publicKey]);
    const { exp } = verifyNatsJwt(jwt, { type: "user", issuers, nowSeconds });
    return exp === undefined ? 0 : exp - nowSeconds;
  } catch {
    return 0;
  }
}

interface ServiceJwtInput {
  readonly user: Nkey<"user">;
  readonly account: Nkey<"account">;
  readonly name: ServiceUserName;
  readonly signer: NkeySigner<"account">;
  readonly nowSeconds: number;
}

function issueServiceJwt(input: ServiceJwtInput): string {
  const { user, account, name, nowSeconds } = input;
  return encodeUserJwt(
    {
      user,
      account,
      name,
      tags: [],
      issuedAtSeconds: nowSeconds,
      expiresAtSeconds: nowSeconds + SERVICE_JWT_SECONDS,
    },
    input.signer,
  );
}
