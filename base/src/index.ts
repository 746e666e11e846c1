/**
 * What every other package stands on: errors, ids, keys, secrets, bytes, hashes, signatures, time.
 * Pure: the same code runs in Node and in a browser.
 */
export { baseErrors } from "./base-errors.ts";
export { compareBytes, concatBytes, equalBytes, uint64Bytes } from "./bytes.ts";
export { errorFromReport, parseErrorKind, reportOf } from "./error-report.ts";
export {
  exitCodeOf,
  httpStatusOf,
  type KindStatus,
  kindStatus,
  natsStatusOf,
} from "./error-status.ts";
export {
  CloisterError,
  type CloisterErrorOptions,
  defineErrors,
  type ErrorCode,
  type ErrorContext,
  type ErrorDefinition,
  type ErrorDetails,
  type ErrorFactories,
  type ErrorKind,
  type ErrorReport,
  errorKinds,
  hasErrorCode,
  isCloisterError,
} from "./errors.ts";
export { createSha256, type Sha256, type Sha256Stream, sha256 } from "./hash.ts";
export * from "./ids.ts";
export * from "./keys.ts";
export * from "./limits.ts";
export { markSealed, markVerified, type Sealed, type Verified } from "./marks.ts";
export * from "./merkle-proof.ts";
export * from "./merkle-tree.ts";
export {
  formatBase32,
  formatBase64Url,
  formatHex,
  parseBase32,
  parseBase64Url,
  parseHex,
} from "./radix.ts";
export { type Random, randomBytes } from "./random.ts";
export { SecretBytes } from "./secret-bytes.ts";
export * from "./signature.ts";
export { parseUtf8, utf8Bytes } from "./text.ts";
export { addMs, type Clock, type EpochMs, parseEpochMs } from "./time.ts";
export { version } from "./version.ts";
