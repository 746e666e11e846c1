import { defineErrors } from "@cloister/base";

export const protoErrors = defineErrors({
  ERR_MESSAGE_TOO_LARGE: { kind: "Limit" },
  ERR_MESSAGE_MALFORMED: { kind: "Codec" },
  ERR_MESSAGE_INVALID: { kind: "Codec" },
  ERR_NKEY_MALFORMED: { kind: "Codec" },
  ERR_METHOD_UNKNOWN: { kind: "Usage" },
});
