import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..", "..");

/** A folder for one test file; within the repository, for the tools' imports are found from there. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  mkdirSync(join(root, ".cache"), { recursive: true });
  const path = mkdtempSync(join(root, ".cache", "contract-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The contract and its tools, to be broken. */
export function copyContract(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of ["tools", "proto", "buf.yaml", "buf.gen.json"]) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  const bin = join("node_modules", ".bin");
  cpSync(join(root, bin), join(folder, bin), { recursive: true, verbatimSymlinks: false });
}

export function runTool(cwd: string, args: readonly string[]) {
  const path = `${join(root, "node_modules", ".bin")}:${process.env["PATH"]}`;
  const options = { cwd, env: { ...process.env, PATH: path }, timeout: 60_000 } as const;
  return spawnSync(process.execPath, args, { ...options, encoding: "utf8" });
}

export function editGatewayProto(folder: string, pattern: RegExp, replacement: string): void {
  const path = join(folder, "proto", "cloister", "gateway", "v1", "gateway.proto");
  const source = readFileSync(path, "utf8");
  if (!pattern.test(source)) throw new Error(`nothing to change: ${pattern}`);
  writeFileSync(path, source.replace(pattern, replacement));
}
