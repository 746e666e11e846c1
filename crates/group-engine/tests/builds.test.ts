import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { engineErrorCodes } from "../js/errors.ts";
import { memberModule, publicModule } from "./support/engines.ts";

const wasmFolder = new URL("../wasm/", import.meta.url);

function exportNames(module: WebAssembly.Module): string[] {
  return WebAssembly.Module.exports(module).map(({ name }) => name);
}

function textOf(name: string): string {
  return readFileSync(new URL(`${name}.wasm`, wasmFolder)).toString("latin1");
}

test("the public build has no export of the member half", () => {
  expect(exportNames(publicModule).filter((name) => name.startsWith("member_"))).toEqual([]);
  expect(exportNames(memberModule).filter((name) => name.startsWith("member_"))).not.toEqual([]);
});

/** Sources named in panic messages: ratchets, private messages, exporters, write sets. */
const memberSources = [
  "openmls-0.9.2/src/tree/secret_tree.rs",
  "openmls-0.9.2/src/tree/sender_ratchet.rs",
  "openmls-0.9.2/src/framing/private_message.rs",
  "openmls-0.9.2/src/group/mls_group/exporting.rs",
  "openmls-0.9.2/src/group/mls_group/creation.rs",
  "src/store_tracking.rs",
];

test("the public build holds no code that could decrypt, seal, join or export", () => {
  const inBuild = (name: string) => memberSources.filter((source) => textOf(name).includes(source));
  expect(inBuild("member")).toEqual(memberSources);
  expect(inBuild("public")).toEqual([]);
});

test("both builds import randomness and nothing else: no clock, no network, no glue", () => {
  for (const module of [memberModule, publicModule]) {
    expect(WebAssembly.Module.imports(module)).toEqual([
      { module: "host", name: "fill_random", kind: "function" },
    ]);
  }
});

test("the committed builds are the ones whose hashes were committed, without paths of a machine", () => {
  const sums = readFileSync(new URL("SHA256SUMS", wasmFolder), "utf8").trim().split("\n");
  expect(sums).toHaveLength(2);
  for (const line of sums) {
    const [hash, file] = line.split("  ");
    const bytes = readFileSync(new URL(file ?? "", wasmFolder));
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(hash);
    expect(bytes.toString("latin1")).not.toMatch(/\/home\/|\/root\/|\.cargo\/registry/);
  }
});

test("Rust and TypeScript know the same error codes", () => {
  const rust = readFileSync(new URL("../src/error.rs", import.meta.url), "utf8");
  const inRust = [...rust.matchAll(/= "([a-z.-]+)",/g)].map(([, code]) => code);
  const onlyHere = ["engine.trapped", "engine.disposed", "engine.module-invalid"];
  expect(new Set([...inRust, ...onlyHere])).toEqual(new Set(engineErrorCodes));
});

test("Rust and TypeScript hold the same limits", () => {
  const numbersOf = (path: string, pattern: RegExp) => {
    const text = readFileSync(new URL(path, import.meta.url), "utf8");
    return new Map([...text.matchAll(pattern)].map(([, name, value]) => [name, value]));
  };
  const rust = numbersOf("../src/limits.rs", /const (\w+): \w+ = ([\w_]+);/g);
  const script = numbersOf("../js/limits.ts", /const (\w+) = ([\w_]+);/g);
  for (const [name, value] of rust) {
    if (script.has(name)) expect([name, script.get(name)]).toEqual([name, value]);
  }
  expect([...rust.keys()].filter((name) => script.has(name)).length).toBeGreaterThan(10);
});
