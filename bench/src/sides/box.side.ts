import { runServer } from "@cloister/deploy";

/** The box's own process: ends when told to, or when the bench is gone, however that ended. */
const stopping = new AbortController();
process.once("disconnect", () => stopping.abort());
await runServer(process.argv[2] ?? "", {
  signal: stopping.signal,
  // With the bench gone meanwhile nobody listens, and the error must not keep the roles alive.
  onReady: () => process.connected && process.send?.("ready"),
});
