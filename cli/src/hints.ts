import type { CloisterError } from "@cloister/base";

/** What to do next in the words of this command line; elsewhere the error's own hint stands. */
export function hintOf(error: CloisterError): string | undefined {
  if (error.details?.["missingFactors"]) {
    return "Present a code: cloister factor present totp (before the first: cloister factor add totp).";
  }
  return commandHints[error.code] ?? error.hint;
}

const commandHints: Readonly<Partial<Record<string, string>>> = {
  ERR_ABORTED: "Give the same command again: it goes on where it was.",
  ERR_IDENTITY_EXISTS: "This profile belongs to somebody already: choose another with --profile.",
  ERR_STORE_LOCKED: "Another cloister has this profile open: end it, or choose another --profile.",
  ERR_ROOM_UNKNOWN: "cloister whoami lists what you can reach.",
  ERR_FILE_UNKNOWN: "List them: cloister file list ROOM",
  ERR_FILE_TAMPERED:
    "What the server holds is not what was sent: tell the sender and the operator.",
};
