import { defineErrors } from "@cloister/base";

/** The codes that this package throws itself. */
export const clientErrors = defineErrors({
  ERR_STORE_PLAINTEXT: { kind: "Internal" },
  ERR_STORE_UNSEALED: {
    kind: "Verification",
    hint: "the store was written under another key, or was altered",
  },
  ERR_STORE_KEY: { kind: "Internal" },
  ERR_STORE_FORMAT: {
    kind: "Codec",
    hint: "a newer client has written this store: update this one",
  },
  ERR_IDENTITY_MISSING: {
    kind: "Usage",
    hint: "create an org or accept an invitation first",
  },
  ERR_IDENTITY_EXISTS: {
    kind: "Usage",
    hint: "this store already belongs to an account: use another one",
  },
  ERR_INVITATION_MALFORMED: {
    kind: "Codec",
    hint: "ask for the invitation again and paste all of it",
  },
  ERR_VERIFICATION_LOG_ROLLBACK: {
    kind: "Verification",
    hint: "the server shows an older log than before: tell the owners, and write nothing",
  },
  ERR_VERIFICATION_LOG_FORK: {
    kind: "Verification",
    hint: "the server shows two different logs: tell the owners, and write nothing",
  },
  ERR_VERIFICATION_ROOMS_ROLLBACK: {
    kind: "Verification",
    hint: "the server was restored from an older state: tell the operator and the owners",
  },
  ERR_LOG_INVALID: {
    kind: "Verification",
    hint: "the server's log breaks the rules: tell the owners, and write nothing",
  },
  ERR_GATEWAY_ANSWER: { kind: "Codec" },
  ERR_VERIFICATION_CLOCK_SKEW: { kind: "Verification" },
  ERR_NOT_ADMITTED: { kind: "Policy" },
  ERR_ROOM_UNKNOWN: { kind: "Usage", hint: "list the rooms that you have a role in" },
  ERR_ROOM_STOPPED: { kind: "Verification" },
  ERR_ROOM_REMOVED: { kind: "Policy", hint: "an owner has taken your role in this room away" },
  ERR_ROOM_KEY_OLD: {
    kind: "Verification",
    hint: "the relay offers an epoch that this device is already past",
  },
  ERR_ROOM_KEY_FOREIGN: { kind: "Verification" },
  ERR_ROSTER_LEAF: {
    kind: "Verification",
    hint: "a leaf of the group is not certified in the log: tell the owners",
  },
  ERR_POSITION_MALFORMED: { kind: "Usage" },
  ERR_TEXT_TOO_LONG: { kind: "Limit", hint: "send it as a file" },
  ERR_BATCH_TOO_LARGE: { kind: "Limit" },
  ERR_BATCH_MALFORMED: { kind: "Codec" },
  ERR_FILE_TOO_LARGE: { kind: "Limit" },
  ERR_FILE_NAME: { kind: "Usage", hint: "1 to 255 characters, without a path" },
  ERR_FILE_UNKNOWN: { kind: "Usage", hint: "list the room's files" },
  ERR_FILE_CHANGED: { kind: "Usage", hint: "the file changed while it was sent: send it again" },
  ERR_FILE_TAMPERED: { kind: "Verification", hint: "what the relay holds is not what was sent" },
  ERR_FILE_MISSING: { kind: "Transport", hint: "the relay no longer holds this file" },
  ERR_FILE_REFUSED: { kind: "Transport" },
  ERR_ABORTED: { kind: "Usage" },
  ERR_STEP_ORDER: { kind: "Internal" },
  ERR_CLIENT_CLOSED: { kind: "Usage" },
  ERR_OFFLINE: { kind: "Transport", retryable: true },
  ERR_CONNECT_TIMEOUT: { kind: "Timeout", retryable: true },
  ERR_RIGHT_MISSING: { kind: "Policy" },
});
