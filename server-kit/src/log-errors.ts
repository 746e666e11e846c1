import { defineErrors } from "@cloister/base";

/** The codes of those who follow statements logs. */
export const logErrors = defineErrors({
  ERR_LOG_REFUSED: { kind: "Verification" },
  ERR_LOG_BEHIND: { kind: "Timeout", retryable: true },
});
