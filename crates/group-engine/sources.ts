import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const crate = fileURLToPath(new URL(".", import.meta.url));

/** Beside the builds: the hash of the sources that they were built from. */
export const sourcesFile: string = join(crate, "wasm", "SOURCES.sha256");

/** SHA-256 over name and content of everything that decides what the compiler makes. */
export function sourcesHash(): string {
  const patterns = [
    "src/**/*.rs",
    "shims/**/*.{rs,toml}",
    "Cargo.{toml,lock}",
    "rust-toolchain.toml",
  ];
  const hash = createHash("sha256");
  for (const file of patterns.flatMap((pattern) => globSync(pattern, { cwd: crate })).toSorted()) {
    const content = readFileSync(join(crate, file));
    hash.update(`${file.replaceAll("\\", "/")}\0${content.length}\0`).update(content);
  }
  return `${hash.digest("hex")}\n`;
}
