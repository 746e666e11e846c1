import { exitCodeOf, isCloisterError, reportOf } from "@cloister/base";
import { runServer } from "./run-server.ts";

/** The box's own process: `main.ts <home>`, started by `cloister server start`, who is told once. */
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => stopping.abort());
}
// Whoever waits may be gone, which is no reason to end.
process.on("disconnect", () => undefined);
const tell = (message: object): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
};
try {
  await runServer(process.argv[2] ?? "", {
    signal: stopping.signal,
    onReady: () => tell({ kind: "ready" }),
  });
} catch (error) {
  process.stderr.write(`${JSON.stringify(reportOf(error))}\n`);
  tell({ kind: "failed", report: reportOf(error) });
  process.exitCode = exitCodeOf(isCloisterError(error) ? error.kind : "Internal");
} finally {
  if (process.connected) process.disconnect?.();
}
