/** What went wrong, coarsely. It decides HTTP status, NATS status and exit code (error-status.ts). */
export const errorKinds = [
  "Usage",
  "Codec",
  "Verification",
  "Policy",
  "Transport",
  "Timeout",
  "Limit",
  "Internal",
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/** A stable name that programs may compare, such as `ERR_POLICY_FACTOR_MISSING`. */
export type ErrorCode = `ERR_${string}`;

/** Facts that may be shown and logged: never key bytes, payloads or secrets. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

export interface CloisterErrorOptions {
  readonly kind: ErrorKind;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable?: boolean | undefined;
  /** What to do next, as a sentence for a person. */
  readonly hint?: string | undefined;
  readonly details?: ErrorDetails | undefined;
  readonly cause?: unknown;
}

/** The part of an error that crosses a wire or a log: everything but cause and stack. */
export interface ErrorReport {
  readonly kind: ErrorKind;
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly hint?: string;
  readonly details?: ErrorDetails;
}

/** The one error class of the project; packages declare their codes with {@link defineErrors}. */
export class CloisterError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "CloisterError";
  readonly kind: ErrorKind;
  readonly code: Code;
  readonly retryable: boolean;
  readonly hint: string | undefined;
  readonly details: ErrorDetails | undefined;

  constructor(options: CloisterErrorOptions & { readonly code: Code }) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = options.kind;
    this.code = options.code;
    this.retryable = options.retryable ?? false;
    this.hint = options.hint;
    this.details = options.details;
  }

  toJSON(): ErrorReport {
    return {
      kind: this.kind,
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

export interface ErrorDefinition {
  readonly kind: ErrorKind;
  readonly retryable?: boolean;
  readonly hint?: string;
}

export interface ErrorContext {
  readonly cause?: unknown;
  readonly hint?: string;
  readonly details?: ErrorDetails;
  readonly retryable?: boolean;
}

export type ErrorFactories<Definitions extends Record<ErrorCode, ErrorDefinition>> = {
  readonly [Code in keyof Definitions & ErrorCode]: (
    message: string,
    context?: ErrorContext,
  ) => CloisterError<Code>;
};

/**
 * Declares the codes of a package; each becomes a function that makes its error:
 * `throw errors.ERR_ROOM_UNKNOWN("no such room", { details: { room } })`.
 */
export function defineErrors<const Definitions extends Record<ErrorCode, ErrorDefinition>>(
  definitions: Definitions,
): ErrorFactories<Definitions> {
  const entries = Object.entries<ErrorDefinition>(definitions).map(([code, definition]) => [
    code,
    (message: string, context: ErrorContext = {}) =>
      new CloisterError({ ...definition, ...context, code: code as ErrorCode, message }),
  ]);
  return Object.freeze(Object.fromEntries(entries)) as ErrorFactories<Definitions>;
}

export function isCloisterError(value: unknown): value is CloisterError {
  return value instanceof CloisterError;
}

/** True if `value` is our error with exactly this code; the text of a message is never compared. */
export function hasErrorCode<Code extends ErrorCode>(
  value: unknown,
  code: Code,
): value is CloisterError<Code> {
  return isCloisterError(value) && value.code === code;
}
