import { defineErrors } from "@cloister/base";

/** The codes of the relay. */
export const relayErrors = defineErrors({
  // Who calls.
  ERR_RELAY_CALLER: {
    kind: "Verification",
    hint: "this device is unknown, revoked or expired: sign in with a live one",
  },
  ERR_RELAY_ORG_UNAVAILABLE: {
    kind: "Transport",
    retryable: true,
    hint: "the relay is not connected to this org's account yet",
  },
  ERR_RELAY_RATE: { kind: "Limit", retryable: true, hint: "wait a moment, then go on" },
  ERR_RELAY_ROOM_UNKNOWN: {
    kind: "Policy",
    hint: "ask an owner of the room for a role in it",
  },
  ERR_RELAY_NOT_OWNER: { kind: "Policy", hint: "only an owner over the room adds devices to it" },
  // Handshakes.
  // Final for these bytes, so not retryable: the author makes another handshake.
  ERR_HANDSHAKE_CONFLICT: {
    kind: "Usage",
    hint: "fetch the handshakes from your own index on, then make yours anew",
  },
  ERR_HANDSHAKE_MALFORMED: { kind: "Codec" },
  ERR_HANDSHAKE_ENGINE: { kind: "Verification" },
  // Grants, passes and key packages.
  ERR_RELAY_EPOCH_STALE: {
    kind: "Usage",
    hint: "ask for the room's epoch, then for a new grant",
  },
  ERR_RELAY_GRANT_DEVICE: { kind: "Verification" },
  ERR_RELAY_GRANT_POLICY: { kind: "Usage", hint: "ask the gateway for a new grant" },
  ERR_RELAY_KEY_PACKAGE: {
    kind: "Verification",
    hint: "publish packages of your own leaf key only",
  },
  ERR_RELAY_KEY_PACKAGES_FULL: { kind: "Limit", hint: "enough packages wait already" },
  ERR_RELAY_ROOM_TOO_LARGE: { kind: "Limit", hint: "the room's tree exceeds one message" },
  // The store.
  ERR_RELAY_STREAM_FULL: {
    kind: "Limit",
    retryable: true,
    hint: "the org's storage is full: nothing was dropped, and nothing is taken until there is room",
  },
  ERR_RELAY_STORE: { kind: "Transport", retryable: true },
  ERR_RELAY_STORE_SEQUENCE: { kind: "Internal" },
  ERR_RELAY_STORE_CORRUPT: { kind: "Internal" },
  // The process.
  ERR_RELAY_CONFIG: { kind: "Usage" },
  ERR_RELAY_LOG_LATE: {
    kind: "Timeout",
    retryable: true,
    hint: "start nats-server and accounts first; read why in the lines before",
  },
  ERR_RELAY_NATS_ORPHAN: {
    kind: "Internal",
    hint: "end the process that is named, then start again",
  },
});
