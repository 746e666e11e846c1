import { hasErrorCode } from "@cloister/base";

/**
 * True if a message on `log.<org>` was refused because it is no record of the log at all: not a
 * LogRecord, signed by no log, of another org, or one that the log has already. NATS lets whoever
 * may ask the server anything choose where its answer goes (a reply subject is covered by no
 * permission), so such messages prove nothing about the log: readers skip and count them. Whatever
 * the log's key did sign, and the rules refuse, still ends the log.
 */
export function isForeignRecord(error: unknown): boolean {
  return (
    hasErrorCode(error, "ERR_MESSAGE_MALFORMED") ||
    hasErrorCode(error, "ERR_MESSAGE_INVALID") ||
    hasErrorCode(error, "ERR_MESSAGE_TOO_LARGE") ||
    hasErrorCode(error, "ERR_VERIFICATION_CHECKPOINT") ||
    hasErrorCode(error, "ERR_VERIFICATION_ORG") ||
    isKnownRecord(error)
  );
}

/** A genuine record once more. One from beyond the next position would be a hole in the log. */
function isKnownRecord(error: unknown): boolean {
  if (!hasErrorCode(error, "ERR_VERIFICATION_LOG_POSITION")) return false;
  const { next, shown } = error.details ?? {};
  return typeof next === "number" && typeof shown === "number" && shown < next;
}
