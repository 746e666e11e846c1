/** The command line as a function, for the demo, tests and the binary. */
export type { GlobalOptions, Io } from "./io.ts";
export { createProgram } from "./program.ts";
export { run } from "./run.ts";
