import { defineErrors } from "@cloister/base";

/** The codes of accounts. */
export const accountsErrors = defineErrors({
  ERR_ACCOUNTS_INITIALISED: {
    kind: "Usage",
    hint: "start it with `cloister server start`, or choose another state directory",
  },
  ERR_ACCOUNTS_NOT_INITIALISED: {
    kind: "Usage",
    hint: "run `cloister server init` first, or point to the state directory that it made",
  },
  ERR_ACCOUNTS_CONFIG: { kind: "Usage" },
  ERR_ACCOUNTS_STATE: { kind: "Codec", hint: "restore the state directory from a backup" },
  ERR_POLICY_CLAIM_UNKNOWN: {
    kind: "Policy",
    hint: "ask the operator for a new code: `cloister server claim`",
  },
  ERR_POLICY_CLAIM_EXPIRED: {
    kind: "Policy",
    hint: "ask the operator for a new code: `cloister server claim`",
  },
  ERR_POLICY_CLAIM_USED: {
    kind: "Policy",
    hint: "each code founds one org: ask the operator for another, `cloister server claim`",
  },
  ERR_POLICY_CLAIM_UNRESERVED: { kind: "Policy", hint: "reserve the org with this code first" },
  ERR_CLAIM_RELAY_MISSING: {
    kind: "Transport",
    retryable: true,
    hint: "no relay has announced itself yet: try again in a moment",
  },
  ERR_VERIFICATION_GENESIS_LOG_KEY: {
    kind: "Verification",
    hint: "reserve again with the same code and found the org with the log key of the answer",
  },
  ERR_POLICY_CALLER: { kind: "Policy" },
  ERR_ORG_UNKNOWN: { kind: "Usage", hint: "compare the org id, or the server that you ask" },
  ERR_LOG_CONTENDED: { kind: "Transport", retryable: true, hint: "try again in a moment" },
  ERR_LOG_UNAVAILABLE: {
    kind: "Transport",
    retryable: true,
    hint: "the servers cannot be reached: repeat the call, the same bytes count once",
  },
  ERR_LOG_BROKEN: {
    kind: "Internal",
    hint: "somebody wrote to the stream LOG: compare it with what owners hold",
  },
  ERR_LOG_FULL: { kind: "Limit", hint: "the operator must give the stream LOG more space" },
  ERR_ACCOUNT_NOT_CONFIRMED: {
    kind: "Transport",
    retryable: true,
    hint: "the statement is in the log; repeat the call until every server has confirmed it",
  },
  ERR_STATE_CONTENDED: { kind: "Transport", retryable: true },
});
