import { defineErrors } from "@cloister/base";

/** The codes that the gateway throws itself; those of rules and accounts pass through. */
export const gatewayErrors = defineErrors({
  ERR_GATEWAY_CONFIG: { kind: "Usage" },
  ERR_HTTP_BODY_TOO_LARGE: { kind: "Limit" },
  ERR_HTTP_MALFORMED: { kind: "Codec" },
  ERR_HTTP_NOT_FOUND: { kind: "Usage", hint: "a call is POST /v1/<Method>" },
  ERR_HTTP_MEDIA_TYPE: { kind: "Usage", hint: "send content-type application/x-protobuf" },
  ERR_LIMIT_RATE: { kind: "Limit", retryable: true },
  ERR_LIMIT_ROOMS: { kind: "Limit" },
  ERR_METHOD_ACCESS: { kind: "Internal" },
  ERR_VERIFICATION_CALLER: { kind: "Verification" },
  ERR_VERIFICATION_REPLAYED: {
    kind: "Verification",
    hint: "make a new request with a new nonce; each is taken once",
  },
  ERR_VERIFICATION_ORG_UNKNOWN: {
    kind: "Verification",
    hint: "check the org id and the gateway's address: this gateway serves other orgs",
  },
  ERR_VERIFICATION_SESSION_KEY: {
    kind: "Verification",
    hint: "make a fresh key for each session",
  },
  ERR_ORG_NOT_SERVED: {
    kind: "Policy",
    hint: "an owner of the org authorises this gateway by a GatewaySet statement",
  },
  ERR_ORG_ACCOUNT_UNKNOWN: { kind: "Transport", retryable: true },
  ERR_ACCOUNTS_UNAVAILABLE: {
    kind: "Transport",
    retryable: true,
    hint: "sign-in and rooms go on; statements and registration wait for accounts: try again later",
  },
  ERR_STATEMENT_KIND: { kind: "Usage" },
  ERR_STATE_UNAVAILABLE: { kind: "Transport", retryable: true },
  ERR_STATE_MALFORMED: { kind: "Internal" },
  ERR_STATE_BUSY: { kind: "Timeout", retryable: true },
  ERR_FACTOR_UNSUPPORTED: { kind: "Usage" },
  ERR_FACTOR_NOT_ENROLLED: {
    kind: "Policy",
    hint: "add the factor first: cloister factor add totp",
  },
  ERR_FACTOR_PRESENT_FIRST: {
    kind: "Policy",
    hint: "present the factor that you have, then replace it",
  },
  ERR_FACTOR_WRONG: {
    kind: "Verification",
    hint: "check the code and the clock of the device that shows it",
  },
  ERR_FACTOR_USED: { kind: "Verification", hint: "wait for the next code: each counts once" },
  ERR_FACTOR_WAIT: { kind: "Limit", retryable: true },
  ERR_POLICY_FACTOR_MISSING: { kind: "Policy" },
  ERR_POLICY_REFUSED: { kind: "Policy" },
  ERR_POLICY_DEVICE_KEY: {
    kind: "Policy",
    hint: "join with the leaf key that the log certifies for this device",
  },
});
