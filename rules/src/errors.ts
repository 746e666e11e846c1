import { defineErrors } from "@cloister/base";

/** The codes of this package. A void handshake has a code of its own per reason: members and relay compare them. */
export const rulesErrors = defineErrors({
  // The log.
  ERR_VERIFICATION_GENESIS: { kind: "Verification" },
  ERR_VERIFICATION_ORG: {
    kind: "Verification",
    hint: "This belongs to another organisation: ask for a new invitation.",
  },
  ERR_VERIFICATION_CHECKPOINT: { kind: "Verification" },
  ERR_VERIFICATION_LOG_ROLLBACK: {
    kind: "Verification",
    hint: "The server shows an older log than the one known here. Keep both and tell an owner.",
  },
  ERR_VERIFICATION_LOG_FORK: {
    kind: "Verification",
    hint: "The server shows another history than the one known here. Keep both and tell an owner.",
  },
  ERR_VERIFICATION_LOG_POSITION: { kind: "Verification" },
  ERR_VERIFICATION_LOG_TIME: { kind: "Verification" },
  ERR_RULES_REPLICA_STALE: { kind: "Internal" },
  ERR_RULES_LOG_SIZE: { kind: "Usage" },
  ERR_RULES_SIGNER_MISSING: { kind: "Usage" },
  // Statements.
  ERR_VERIFICATION_STATEMENT_UNKNOWN: {
    kind: "Verification",
    hint: "This statement needs newer rules: update before you go on.",
  },
  ERR_VERIFICATION_STATEMENT_REPLAYED: { kind: "Verification" },
  ERR_VERIFICATION_STATEMENT_CHECKPOINT: { kind: "Verification" },
  ERR_VERIFICATION_STATEMENT_VERSION: {
    kind: "Verification",
    hint: "Somebody changed this in the meantime: look at it again, then state it anew.",
  },
  ERR_VERIFICATION_STATEMENT_SIGNATURE: { kind: "Verification" },
  ERR_VERIFICATION_STATEMENT_SIGNER: { kind: "Verification" },
  ERR_VERIFICATION_STATEMENT_SUBJECT: { kind: "Verification" },
  ERR_VERIFICATION_KEY_REUSED: {
    kind: "Verification",
    hint: "Every purpose needs a key of its own: make a new one.",
  },
  ERR_POLICY_STATEMENT_RIGHT: {
    kind: "Policy",
    hint: "Only an owner of this level, or of one above, may state this.",
  },
  ERR_POLICY_LAST_OWNER: {
    kind: "Policy",
    hint: "Name another owner of the organisation first.",
  },
  ERR_POLICY_ROLE_WITHOUT_ORG: {
    kind: "Policy",
    hint: "Give the account a role in the organisation first.",
  },
  ERR_POLICY_INVITE_UNKNOWN: { kind: "Policy" },
  ERR_POLICY_INVITE_USED: { kind: "Policy", hint: "Ask an owner for a new invitation." },
  ERR_POLICY_INVITE_EXPIRED: { kind: "Policy", hint: "Ask an owner for a new invitation." },
  ERR_POLICY_INVITE_CLOSED: { kind: "Policy", hint: "Ask an owner for a new invitation." },
  // Tokens and requests.
  ERR_VERIFICATION_TOKEN_TYPE: { kind: "Verification" },
  ERR_VERIFICATION_TOKEN_SIGNATURE: { kind: "Verification" },
  ERR_VERIFICATION_TOKEN_EXPIRED: { kind: "Verification", hint: "Sign in again." },
  ERR_VERIFICATION_TOKEN_MISMATCH: { kind: "Verification" },
  ERR_VERIFICATION_GATEWAY: {
    kind: "Verification",
    hint: "No owner has authorised this gateway, or it was revoked.",
  },
  ERR_VERIFICATION_RELAY: {
    kind: "Verification",
    hint: "No owner has authorised this relay, or it was revoked.",
  },
  ERR_VERIFICATION_DEVICE: {
    kind: "Verification",
    hint: "This device is unknown, revoked, expired, or its account has no role left.",
  },
  ERR_VERIFICATION_REQUEST_METHOD: { kind: "Verification" },
  ERR_VERIFICATION_REQUEST_CALLER: { kind: "Verification" },
  ERR_VERIFICATION_REQUEST_SIGNATURE: { kind: "Verification" },
  ERR_VERIFICATION_CLOCK_SKEW: { kind: "Verification", hint: "Set the clock of this device." },
  // Handshakes: why one is void.
  ERR_HANDSHAKE_LOG_AHEAD: {
    kind: "Verification",
    retryable: true,
    hint: "Fetch the log first, then look at this handshake again.",
  },
  ERR_HANDSHAKE_SIGNATURE: { kind: "Verification" },
  ERR_HANDSHAKE_ROOM: { kind: "Verification" },
  ERR_HANDSHAKE_POSITION: { kind: "Verification" },
  ERR_HANDSHAKE_REFUSES: { kind: "Verification" },
  ERR_HANDSHAKE_SHAPE: { kind: "Verification" },
  ERR_HANDSHAKE_BINDING: { kind: "Verification" },
  ERR_HANDSHAKE_CHECKPOINT: { kind: "Verification" },
  ERR_HANDSHAKE_LOG_SIZE_FELL: { kind: "Verification" },
  ERR_HANDSHAKE_CONTEXT: { kind: "Verification" },
  ERR_HANDSHAKE_SENDER: { kind: "Verification" },
  ERR_HANDSHAKE_PATH: { kind: "Verification" },
  ERR_HANDSHAKE_PROPOSAL: { kind: "Verification" },
  ERR_HANDSHAKE_BY_REFERENCE: { kind: "Verification" },
  ERR_HANDSHAKE_REMOVE: { kind: "Verification" },
  ERR_HANDSHAKE_LEAF_LEFT: { kind: "Verification" },
  ERR_HANDSHAKE_DUPLICATE_LEAF: { kind: "Verification" },
  ERR_HANDSHAKE_ADD: { kind: "Verification" },
  ERR_HANDSHAKE_ADD_POLICY: { kind: "Verification" },
  ERR_HANDSHAKE_GRANT_MISSING: { kind: "Verification" },
  ERR_HANDSHAKE_GRANT: { kind: "Verification" },
  ERR_HANDSHAKE_GRANT_POLICY: { kind: "Verification" },
});
