import { cpSync, globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { copyContract, editGatewayProto, root, runTool, temporaryFolder } from "./contract-copy.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

function filesIn(path: string): Map<string, string> {
  const names = globSync("**/*.{ts,binpb}", { cwd: path }).toSorted();
  return new Map(names.map((name) => [name, readFileSync(join(path, name), "base64")]));
}

describe("the contract's code", () => {
  test("[F50] generated anew it equals what is committed", () => {
    const out = join(folder.path, "gen");
    const { status, stderr } = runTool(root, ["tools/generate.ts", out]);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const committed = filesIn(join(root, "proto", "gen"));
    const generated = filesIn(out);
    expect([...generated.keys()]).toEqual([...committed.keys()]);
    for (const [name, text] of generated) expect(committed.get(name) === text, name).toBe(true);
  });

  test("[F41] a method that does not say who may call it fails the generation", () => {
    const copy = join(folder.path, "no-access");
    copyContract(copy);
    editGatewayProto(copy, /(rpc SignIn\([^)]*\) returns \([^)]*\)) \{[^}]*\}/, "$1;");
    const { status, stderr } = runTool(copy, ["tools/generate.ts", join(copy, "out")]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("cloister.gateway.v1.GatewayService/SignIn does not say who may call");
  });

  test("[F41] nor may the option be left unspecified", () => {
    const copy = join(folder.path, "unspecified");
    copyContract(copy);
    editGatewayProto(copy, /ACCESS_DEVICE;/, "ACCESS_UNSPECIFIED;");
    const { status, stderr } = runTool(copy, ["tools/generate.ts", join(copy, "out")]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("does not say who may call");
  });
});

describe("the contract against its releases", () => {
  const released = (name: string) => {
    const copy = join(folder.path, name);
    copyContract(copy);
    const releases = join(copy, "proto", "releases");
    rmSync(releases, { recursive: true, force: true });
    mkdirSync(releases);
    cpSync(join(copy, "proto", "gen", "image.binpb"), join(releases, "v0.binpb"));
    return copy;
  };

  test("a field added passes", () => {
    const copy = released("added");
    editGatewayProto(copy, /(message SignInRequest \{)/, "$1\n  string added = 900;");
    const { status, stdout } = runTool(copy, ["tools/breaking.ts"]);
    expect(stdout).toContain("compatible with v0.binpb");
    expect(status).toBe(0);
  });

  test("a field taken away is refused", () => {
    const copy = released("removed");
    editGatewayProto(copy, /uint64 expires_ms = 2;/, "");
    const { status, stdout } = runTool(copy, ["tools/breaking.ts"]);
    expect(stdout).toContain("expires_ms");
    expect(status).not.toBe(0);
  });

  test("without a release it says so", () => {
    const copy = join(folder.path, "none");
    copyContract(copy);
    rmSync(join(copy, "proto", "releases"), { recursive: true, force: true });
    const { status, stdout } = runTool(copy, ["tools/breaking.ts"]);
    expect(stdout).toContain("no release yet");
    expect(status).toBe(0);
  });
});
