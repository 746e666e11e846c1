import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./run.ts";

export interface Import {
  /** From the root, with `/`. */
  readonly file: string;
  readonly specifier: string;
}

const importPattern =
  /(?:^|[\s;])(?:import|export)\s+(?:[^"'`;]*?\sfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*[,)]/g;

/** Every import of the TypeScript files of a folder, types included. */
export function importsOf(folder: string): Import[] {
  const excluded = ["**/node_modules/**", "**/dist/**", "**/target/**"];
  return globSync(`${folder}/**/*.{ts,tsx}`, { cwd: root, exclude: excluded }).flatMap((file) =>
    importsIn(readFileSync(join(root, file), "utf8")).map((specifier) => ({
      file: file.replaceAll("\\", "/"),
      specifier,
    })),
  );
}

export function importsIn(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return [...code.matchAll(importPattern)].map(([, named, dynamic]) => named ?? dynamic ?? "");
}

export function isTestFile(file: string): boolean {
  return file.endsWith(".test.ts") || file.includes("/tests/");
}
