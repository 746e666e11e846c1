import { defineErrors } from "./errors.ts";

/** The codes that this package throws itself. */
export const baseErrors = defineErrors({
  ERR_ENCODING: { kind: "Codec" },
  ERR_ID_MALFORMED: { kind: "Codec" },
  ERR_KEY_MALFORMED: { kind: "Codec" },
  ERR_TIME_MALFORMED: { kind: "Codec" },
  ERR_SECRET_DISPOSED: { kind: "Internal" },
  ERR_RANDOM_LENGTH: { kind: "Internal" },
  ERR_SIGNING_TYPE: { kind: "Internal" },
  ERR_SIGNATURE_INVALID: { kind: "Verification" },
  ERR_MERKLE_RANGE: { kind: "Codec" },
  ERR_MERKLE_INCLUSION: { kind: "Verification" },
  ERR_MERKLE_CONSISTENCY: { kind: "Verification" },
});
