// Builds what the tests start, before any of their time limits runs: nats-server, once, into the cache.
import { join } from "node:path";
import { resolveNatsServer } from "@cloister/server-kit";
import { root } from "./run.ts";

const { path, version, source } = await resolveNatsServer({
  moduleDir: join(root, "deploy", "servers", "nats"),
  onProgress: (line) => console.log(line),
});
console.log(`nats-server ${version} (${source}): ${path}`);
