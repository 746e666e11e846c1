import {
  type CloisterError,
  type ErrorKind,
  type ErrorReport,
  errorFromReport,
  reportOf,
} from "@cloister/base";
import { Error_Kind, Reply } from "../gen/cloister/common/v1/common.ts";
import { parseMessage } from "./validate.ts";

const maxTextChars = 1024;

const wireKinds: Readonly<Record<ErrorKind, Error_Kind>> = {
  Usage: Error_Kind.KIND_USAGE,
  Codec: Error_Kind.KIND_CODEC,
  Verification: Error_Kind.KIND_VERIFICATION,
  Policy: Error_Kind.KIND_POLICY,
  Transport: Error_Kind.KIND_TRANSPORT,
  Timeout: Error_Kind.KIND_TIMEOUT,
  Limit: Error_Kind.KIND_LIMIT,
  Internal: Error_Kind.KIND_INTERNAL,
};

/** The answer to a call that succeeded: the encoded response message. */
export function encodeReply(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  return Reply.encode({ result: { $case: "payload", value: payload } })
    .finish()
    .slice();
}

/** The answer to a call that failed; a foreign error is told without its text. */
export function encodeErrorReply(error: unknown): Uint8Array<ArrayBuffer> {
  const report = reportOf(error);
  const value = {
    kind: wireKinds[report.kind],
    code: report.code.slice(0, 64),
    message: report.message.slice(0, maxTextChars),
    hint: (report.hint ?? "").slice(0, maxTextChars),
    retryable: report.retryable,
    details: detailsOf(report),
  };
  return Reply.encode({ result: { $case: "error", value } })
    .finish()
    .slice();
}

function detailsOf(report: ErrorReport): Map<string, string> {
  const entries = Object.entries(report.details ?? {}).slice(0, 16);
  return new Map(entries.map(([key, value]) => [key, String(value)]));
}

/** The response bytes of an answer; throws the error that the peer reported. */
export function parseReply(bytes: Uint8Array): Uint8Array {
  const { result } = parseMessage("cloister.common.v1.Reply", bytes);
  if (result?.$case === "payload") return result.value;
  throw result === undefined ? emptyReply() : errorOf(result.value);
}

function errorOf(error: {
  readonly kind: Error_Kind;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly details: Map<string, string>;
}): CloisterError {
  const kind = Object.entries(wireKinds).find(([, wire]) => wire === error.kind)?.[0] ?? "Internal";
  return errorFromReport({ ...error, kind, details: Object.fromEntries(error.details) });
}

/** Neither field set: from a newer peer or a faulty one. */
function emptyReply(): CloisterError {
  return errorFromReport({
    kind: "Codec",
    code: "ERR_REPLY_EMPTY",
    message: "the answer holds neither a result nor an error",
    retryable: false,
  });
}
