import { exitCodeOf, isCloisterError, reportOf } from "@cloister/base";
import { runServer } from "./run-server.ts";

/** The box's own process: `main.ts <home>`, started by `cloister server start`. */
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => stopping.abort());
}
try {
  await runServer(process.argv[2] ?? "", { signal: stopping.signal });
} catch (error) {
  process.stderr.write(`${JSON.stringify(reportOf(error))}\n`);
  process.exitCode = exitCodeOf(isCloisterError(error) ? error.kind : "Internal");
}
