export { type AccountJwtInput, encodeAccountJwt } from "./account-jwt.ts";
export type {
  AccountClaims,
  AccountLimitClaims,
  AllowList,
  ConnectionType,
  Export,
  Import,
  NatsClaims,
  NatsJwtType,
  OperatorClaims,
  RevocationList,
  ScopeTemplate,
  SigningScope,
  UserClaims,
} from "./claims.ts";
export {
  type DecodedNatsJwt,
  parseNatsJwt,
  type VerifyNatsJwtOptions,
  verifyNatsJwt,
} from "./decode.ts";
export {
  formatNkey,
  isNkey,
  type Nkey,
  type NkeyRole,
  nkeyBytesOf,
  parseNkey,
} from "./nkey-codec.ts";
export { isNkeySignature, NkeyPair, type NkeySignature, type NkeySigner } from "./nkey-pair.ts";
export { encodeOperatorJwt, type OperatorJwtInput } from "./operator-jwt.ts";
export { addRevocation, allUsers, compactRevocations, isRevoked } from "./revocations.ts";
export {
  type TrustChain,
  type VerifiedChain,
  type VerifyChainOptions,
  verifyTrustChain,
} from "./trust-chain.ts";
export { encodeUserJwt, type UserJwtInput } from "./user-jwt.ts";
