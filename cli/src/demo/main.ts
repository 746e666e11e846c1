import { fileURLToPath } from "node:url";
import { isCloisterError } from "@cloister/base";
import { playDemo } from "./play.ts";

/** `make demo`: ends with one line that says whether all went as promised. */
const sourceFolder = fileURLToPath(new URL("../../../node_modules", import.meta.url));
try {
  await playDemo({ out: process.stdout, sourceFolder, keep: process.env["KEEP"] === "1" });
  process.stdout.write("demo: ok, 0 plaintext hits\n");
} catch (error) {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const hint = isCloisterError(error) && error.hint !== undefined ? `\n${error.hint}` : "";
  process.stdout.write(`demo: FAILED\n${text}${hint}\n`);
  process.exitCode = 1;
}
