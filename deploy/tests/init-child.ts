import { initServer } from "@cloister/deploy";
import { initOptions } from "./support/box.ts";

/** Run as another process and killed at some moment of it. */
process.stdout.write("begun\n");
await initServer(initOptions(process.argv[2] ?? ""));
process.stdout.write("done\n");
