import {
  CloisterError,
  type ErrorCode,
  type ErrorKind,
  type ErrorReport,
  errorKinds,
  isCloisterError,
} from "./errors.ts";

const codePattern = /^ERR_[A-Z0-9_]{1,60}$/;

/**
 * What may be told of any thrown value. An error that is not ours becomes `ERR_INTERNAL` without
 * its text: a foreign message may hold what was being processed.
 */
export function reportOf(error: unknown): ErrorReport {
  if (isCloisterError(error)) return error.toJSON();
  return {
    kind: "Internal",
    code: "ERR_INTERNAL",
    message: "internal error",
    retryable: false,
  };
}

export function parseErrorKind(text: string): ErrorKind {
  // An unknown kind comes from a newer peer: it still refuses.
  return errorKinds.find((kind) => kind === text) ?? "Internal";
}

/** Rebuilds an error that a peer reported; a malformed code or kind still gives an error. */
export function errorFromReport(report: {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly hint?: string | undefined;
  readonly details?: ErrorReport["details"] | undefined;
}): CloisterError {
  return new CloisterError({
    kind: parseErrorKind(report.kind),
    code: codePattern.test(report.code) ? (report.code as ErrorCode) : "ERR_UNKNOWN",
    message: report.message,
    retryable: report.retryable,
    hint: report.hint === "" ? undefined : report.hint,
    details: report.details,
  });
}
