import { spawnSync } from "node:child_process";
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
// Within the repository, for the plug-in's imports are found from there.
mkdirSync(join(root, ".cache"), { recursive: true });
const folder = mkdtempSync(join(root, ".cache", "generated-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function filesIn(path: string): Map<string, string> {
  const names = globSync("**/*.{ts,binpb}", { cwd: path }).toSorted();
  return new Map(names.map((name) => [name, readFileSync(join(path, name), "base64")]));
}

function generateFrom(cwd: string, out: string) {
  const env = {
    ...process.env,
    PATH: `${join(root, "node_modules", ".bin")}:${process.env["PATH"]}`,
  };
  const args = [join(cwd, "tools", "generate.ts"), out];
  return spawnSync(process.execPath, args, { cwd, env, encoding: "utf8", timeout: 60_000 });
}

describe("the contract's code", () => {
  test("[F50] generated anew it equals what is committed", () => {
    const out = join(folder, "gen");
    const { status, stderr } = generateFrom(root, out);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const committed = filesIn(join(root, "proto", "gen"));
    expect([...filesIn(out).keys()]).toEqual([...committed.keys()]);
    for (const [name, text] of filesIn(out)) expect(committed.get(name) === text, name).toBe(true);
  });

  test("[F41] a method that does not say who may call it fails the generation", () => {
    const copy = join(folder, "copy");
    for (const name of ["tools", "buf.yaml", "buf.gen.json"]) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    cpSync(join(root, "proto"), join(copy, "proto"), { recursive: true });
    cpSync(join(root, "node_modules", ".bin"), join(copy, "node_modules", ".bin"), {
      recursive: true,
      verbatimSymlinks: false,
    });
    const path = join(copy, "proto", "cloister", "gateway", "v1", "gateway.proto");
    const source = readFileSync(path, "utf8");
    const option = /(rpc SignIn\([^)]*\) returns \([^)]*\)) \{[^}]*\}/;
    expect(source).toMatch(option);
    writeFileSync(path, source.replace(option, "$1;"));
    const { status, stderr } = generateFrom(copy, join(copy, "out"));
    expect(status).not.toBe(0);
    expect(stderr).toContain("cloister.gateway.v1.GatewayService/SignIn does not say who may call");
  });
});
