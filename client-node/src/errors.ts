import { defineErrors } from "@cloister/base";

/** The codes of the Node adapters. */
export const clientNodeErrors = defineErrors({
  ERR_STORE_LOCKED: {
    kind: "Usage",
    hint: "Another process has this profile open. End it, or choose another profile.",
  },
  ERR_STORE_UNLOCK: {
    kind: "Verification",
    hint: "Give the passphrase that the profile was made with.",
  },
  ERR_STORE_KEY_FILE: {
    kind: "Codec",
    hint: "Restore the profile's store.key from a backup: without it nothing opens the store.",
  },
  ERR_STORE_MISSING: {
    kind: "Usage",
    hint: "Join with an invitation (`cloister join`), or found an org (`cloister org create`).",
  },
  ERR_STORE_EXISTS: {
    kind: "Usage",
    hint: "Choose another profile, or use the one that is there.",
  },
  ERR_STORE_VERSION: {
    kind: "Usage",
    hint: "The store was written by a newer version: update this program.",
  },
  ERR_STORE_VALUE: {
    kind: "Verification",
    hint: "The store was altered from outside, or its disk is failing. Restore it from a backup.",
  },
  ERR_STORE_PLAINTEXT: { kind: "Internal" },
  ERR_STORE_FULL: {
    kind: "Limit",
    retryable: true,
    hint: "Free some space on the disk that holds the profile.",
  },
  ERR_SERVER_UNPINNED: {
    kind: "Verification",
    hint: "Ask whoever invited you for a new invitation. If it is the same, somebody stands between.",
  },
  ERR_SERVER_UNREACHABLE: {
    kind: "Transport",
    retryable: true,
    hint: "Check the address and the network; ask the operator whether the server runs.",
  },
  ERR_SERVER_TIMEOUT: { kind: "Timeout", retryable: true },
  ERR_RESPONSE_TOO_LONG: { kind: "Limit" },
  ERR_CONNECTION_DENIED: {
    kind: "Policy",
    hint: "The server no longer lets this device in: see cloister whoami.",
  },
  ERR_BATCH_EMPTY: { kind: "Internal" },
  ERR_NONCE_UNSIGNED: { kind: "Internal" },
  ERR_FILE_UNREADABLE: { kind: "Usage", hint: "Check the path and its permissions." },
  ERR_FILE_UNWRITABLE: { kind: "Usage", hint: "Check the folder, its permissions and its disk." },
  ERR_FILE_EXISTS: { kind: "Usage", hint: "Choose another name with --output." },
  ERR_PASSPHRASE_SHORT: { kind: "Usage", hint: "Choose a longer passphrase." },
  ERR_PASSPHRASE_SOURCE: {
    kind: "Usage",
    hint: "Give it at the prompt, by CLOISTER_PASSPHRASE_FD or by CLOISTER_PASSPHRASE_FILE.",
  },
});
