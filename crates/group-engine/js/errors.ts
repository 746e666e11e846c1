/** What the caller can do about it, as in `@cloister/base`. */
export type EngineErrorKind = "usage" | "codec" | "verification" | "limit" | "internal";

/** Stable: tests and callers branch on these, never on the message. src/error.rs has the same. */
export const engineErrorCodes = [
  "engine.usage",
  "engine.limit",
  "engine.trapped",
  "engine.disposed",
  "engine.internal",
  "engine.module-invalid",
  "engine.unwritten-changes",
  "store.corrupt",
  "message.malformed",
  "message.unsupported",
  "message.wrong-kind",
  "message.wrong-group",
  "message.wrong-epoch",
  "message.signature-invalid",
  "message.decryption-failed",
  "message.replayed",
  "message.own",
  "message.sender-unknown",
  "message.tag-invalid",
  "message.refused",
  "commit.path-undecryptable",
  "group.not-found",
  "group.exists",
  "group.inactive",
  "group.pending-commit",
  "group.no-pending-commit",
  "group.no-staged-commit",
  "group.resync-required",
  "group.suite-unsupported",
  "group-info.mismatch",
  "group-info.signature-invalid",
  "tree.mismatch",
  "key-package.invalid",
  "key-package.not-found",
  "welcome.not-for-us",
  "welcome.refused",
] as const;

export type EngineErrorCode = (typeof engineErrorCodes)[number];

/** Thrown by every call of the engine. The message names what to do, never bytes. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly code: EngineErrorCode;
  readonly kind: EngineErrorKind;
  readonly retryable = false;

  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.kind = kindOf(code);
  }
}

function kindOf(code: EngineErrorCode): EngineErrorKind {
  if (code === "engine.limit") return "limit";
  if (code === "message.malformed" || code === "store.corrupt") return "codec";
  if (code === "engine.trapped" || code === "engine.internal") return "internal";
  return code.startsWith("engine.") || isStateCode(code) ? "usage" : "verification";
}

function isStateCode(code: EngineErrorCode): boolean {
  return code.startsWith("group.") && code !== "group.suite-unsupported";
}

/** A code that this side does not know means that the builds do not match. */
export function parseEngineErrorCode(code: string): EngineErrorCode {
  return engineErrorCodes.find((known) => known === code) ?? "engine.internal";
}
