import { kitErrors } from "../errors.ts";
import type { AccountClaims, NatsClaims, OperatorClaims, UserClaims } from "./claims.ts";
import { verifyNatsJwt } from "./decode.ts";
import { isRevoked } from "./revocations.ts";

export interface TrustChain {
  readonly operatorJwt: string;
  readonly accountJwt: string;
  readonly userJwt: string;
}

export interface VerifiedChain {
  readonly operator: NatsClaims;
  readonly account: NatsClaims;
  readonly user: NatsClaims;
  /** Role of the scoped signing key that issued the user. */
  readonly role: string;
}

export interface VerifyChainOptions {
  /** The operator's root key, known beforehand. */
  readonly operatorRoot: string;
  readonly nowSeconds: number;
}

/**
 * Operator root → operator signing key → account → scoped signing key → user, and the account's
 * revocations. The argument: each token verifies under a key that the one above names.
 */
export function verifyTrustChain(chain: TrustChain, options: VerifyChainOptions): VerifiedChain {
  const { nowSeconds } = options;
  const operator = verifyNatsJwt(chain.operatorJwt, {
    type: "operator",
    issuers: new Set([options.operatorRoot]),
    nowSeconds,
  });
  const operatorKeys = signingKeyTexts((operator.nats as OperatorClaims).signing_keys);
  const account = verifyNatsJwt(chain.accountJwt, {
    type: "account",
    issuers: new Set(operatorKeys),
    nowSeconds,
  });
  const accountClaims = account.nats as AccountClaims;
  const user = verifyNatsJwt(chain.userJwt, {
    type: "user",
    issuers: new Set(signingKeyTexts(accountClaims.signing_keys)),
    nowSeconds,
  });
  if ((user.nats as UserClaims).issuer_account !== account.sub) {
    throw kitErrors.ERR_JWT_ISSUER("the user token names another account");
  }
  if (isRevoked(accountClaims.revocations ?? {}, { user: user.sub, iat: user.iat })) {
    throw kitErrors.ERR_JWT_REVOKED("the user was revoked in this account");
  }
  return { operator, account, user, role: roleOf(accountClaims, user.iss) };
}

function signingKeyTexts(keys: AccountClaims["signing_keys"]): string[] {
  return (keys ?? []).map((key) => (typeof key === "string" ? key : key.key));
}

function roleOf(account: AccountClaims, issuer: string): string {
  for (const key of account.signing_keys ?? []) {
    if (typeof key !== "string" && key.key === issuer) return key.role;
  }
  throw kitErrors.ERR_JWT_ISSUER("the user was not issued under a scoped signing key");
}
