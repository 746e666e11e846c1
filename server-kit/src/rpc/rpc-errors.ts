import { defineErrors } from "@cloister/base";

/** What goes wrong with a call itself, whichever method it names. */
export const rpcErrors = defineErrors({
  ERR_RPC_METHOD: { kind: "Usage", hint: "compare the versions of client and server" },
  ERR_RPC_BUSY: { kind: "Limit", retryable: true, hint: "try again in a moment" },
  ERR_RPC_TIMEOUT: {
    kind: "Timeout",
    retryable: true,
    hint: "try again: the same call is safe to repeat",
  },
  ERR_RPC_UNAVAILABLE: {
    kind: "Transport",
    retryable: true,
    hint: "the service is not running or not reachable: try again, or ask the operator",
  },
  ERR_RPC_STOPPING: {
    kind: "Transport",
    retryable: true,
    hint: "try again: another process takes over",
  },
});
