import { defineErrors } from "@cloister/base";

/** The codes of starting and stopping a box. */
export const deployErrors = defineErrors({
  ERR_SERVER_NOT_INITIALISED: { kind: "Usage", hint: "Make one: cloister server init" },
  ERR_SERVER_INITIALISED: {
    kind: "Usage",
    hint: "Start it: cloister server start. For another one choose another --home.",
  },
  ERR_SERVER_SETTINGS: { kind: "Codec", hint: "Update this program, or restore server.json." },
  ERR_SERVER_RUNNING: { kind: "Usage", hint: "See cloister server status, or stop it first." },
  ERR_SERVER_NOT_RUNNING: { kind: "Usage", hint: "Start it: cloister server start" },
  ERR_SERVER_START: {
    kind: "Internal",
    hint: "The named log says why; cloister server status shows every role.",
  },
  ERR_CLAIM_MALFORMED: {
    kind: "Usage",
    hint: "Copy the whole code that `server init` or `server claim` printed, in quotes.",
  },
  ERR_CONTROL: { kind: "Transport" },
  ERR_SERVER_STOP: {
    kind: "Timeout",
    retryable: true,
    hint: "Look at its processes with cloister server status, and at its logs.",
  },
});
