import { defineErrors } from "@cloister/base";

/** The codes of the command line itself. */
export const cliErrors = defineErrors({
  ERR_ARGUMENT: { kind: "Usage", hint: "See the command's --help, with examples." },
  ERR_NAME_UNKNOWN: { kind: "Usage", hint: "cloister whoami lists what you can reach." },
  ERR_NAME_AMBIGUOUS: { kind: "Usage", hint: "Give the id instead, or more of it." },
  ERR_NO_TERMINAL: {
    kind: "Usage",
    hint: "Set CLOISTER_PASSPHRASE_FILE or CLOISTER_PASSPHRASE_FD where there is no terminal.",
  },
  ERR_NOT_STORED: {
    kind: "Timeout",
    retryable: true,
    hint: "Nothing is lost: it waits on this device, and any later command sends it.",
  },
  ERR_STOPPED: {
    kind: "Usage",
    hint: "Nothing is lost: what was sealed is sent later, and a transfer goes on where it was.",
  },
  ERR_DEMO: { kind: "Internal", hint: "Run it with KEEP=1 and look at the logs it names." },
});
