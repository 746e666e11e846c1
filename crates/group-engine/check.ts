import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sourcesFile, sourcesHash } from "./sources.ts";

/**
 * Holds the committed engines against their hashes, and their sources against those that they were
 * built from. Where the sources have changed since, both are built anew and compared: minutes.
 */
const crate = fileURLToPath(new URL(".", import.meta.url));

function checkSums(): void {
  for (const line of readFileSync(join(crate, "wasm", "SHA256SUMS"), "utf8")
    .trim()
    .split("\n")) {
    const [expected, name = ""] = line.split("  ");
    const bytes = readFileSync(join(crate, "wasm", name));
    const actual = createHash("sha256").update(bytes).digest("hex");
    if (actual !== expected) throw new Error(`${name} is not what wasm/SHA256SUMS names`);
  }
}

checkSums();
if (readFileSync(sourcesFile, "utf8") === sourcesHash()) {
  process.stdout.write("group-engine: the committed engines are those of these sources\n");
} else {
  process.stdout.write("group-engine: the sources have changed; building both\n");
  const built = spawnSync(join(crate, "build.sh"), [], { stdio: "inherit" });
  process.exitCode = built.status ?? 1;
}
