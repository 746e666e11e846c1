import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sourcesFile, sourcesHash } from "./sources.ts";

/**
 * Builds both engines reproducibly: pinned compiler (rust-toolchain.toml), locked crates, no path
 * of this machine in the output, pinned wasm-opt (package.json).
 *
 *     node build.ts            builds and compares with wasm/SHA256SUMS; exits 1 on a difference
 *     node build.ts --write    builds and replaces wasm/
 *     node build.ts --fast     a quick build for development, into wasm/ (do not commit it)
 *
 * Cargo's target folder lies in $CLOISTER_ENGINE_CACHE, or in the user's cache: never in the tree.
 */
const crate = fileURLToPath(new URL(".", import.meta.url));
const cacheRoot = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
const cache = process.env["CLOISTER_ENGINE_CACHE"] ?? join(cacheRoot, "cloister-engine");
const sumsFile = join(crate, "wasm", "SHA256SUMS");
const builds = [
  { name: "member", features: ["--features", "member"] },
  { name: "public", features: [] },
] as const;

type Build = (typeof builds)[number];

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const options = { cwd: crate, env: { ...process.env, ...env }, encoding: "utf8" } as const;
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const done = spawnSync(command, args, { ...options, stdio: [...stdio] });
  if (done.status === 0) return done.stdout;
  throw new Error(`${command} ${args[0] ?? ""} failed (${done.error?.message ?? done.status})`);
}

function checkCompiler(): string {
  const pin = /channel = "([^"]+)"/.exec(readFileSync(join(crate, "rust-toolchain.toml"), "utf8"));
  const version = run("rustc", ["--version"]).trim();
  if (pin?.[1] === undefined || !version.startsWith(`rustc ${pin[1]} `)) {
    throw new Error(`rust-toolchain.toml pins ${pin?.[1]}, but this is ${version}`);
  }
  return pin[1];
}

/**
 * Registry, crate and standard library get names that are the same everywhere. The registry's
 * folder is named after its address, which a mirror changes, so each one is mapped by itself.
 */
function remapFlags(): string {
  const cargoHome = process.env["CARGO_HOME"] ?? join(homedir(), ".cargo");
  const registries = join(cargoHome, "registry", "src");
  const sysroot = run("rustc", ["--print", "sysroot"]).trim();
  const remap = (from: string, to: string) => `--remap-path-prefix=${from}=${to}`;
  return [
    ...readdirSync(registries).map((registry) => remap(join(registries, registry), "/registry")),
    remap(crate.replace(/\/$/, ""), "/engine"),
    remap(sysroot, "/rust"),
  ].join("\u{1f}");
}

function compile(build: Build, profile: string, target: string): Uint8Array {
  const triple = "wasm32-unknown-unknown";
  const args = ["build", "--locked", "--lib", "--profile", profile, "--target", triple];
  run("cargo", [...args, ...build.features], {
    CARGO_TARGET_DIR: target,
    CARGO_ENCODED_RUSTFLAGS: remapFlags(),
    CARGO_INCREMENTAL: profile === "fast" ? "1" : "0",
  });
  return readFileSync(join(target, triple, profile, "cloister_group_engine.wasm"));
}

/** What rustc 1.95 emits for this target by default. */
const wasmFeatures = [
  "bulk-memory",
  "bulk-memory-opt",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
];

function optimise(bytes: Uint8Array, name: string): Uint8Array {
  const wasmOpt = fileURLToPath(import.meta.resolve("binaryen/bin/wasm-opt"));
  const input = join(cache, `${name}.unoptimised.wasm`);
  const output = join(cache, `${name}.wasm`);
  writeFileSync(input, bytes);
  const enabled = wasmFeatures.map((feature) => `--enable-${feature}`);
  const strip = ["--strip-debug", "--strip-producers"];
  run(process.execPath, [wasmOpt, "-O3", ...enabled, ...strip, input, "-o", output]);
  return readFileSync(output);
}

function sumsOf(outputs: ReadonlyMap<string, Uint8Array>): string {
  const line = ([name, bytes]: [string, Uint8Array]) =>
    `${createHash("sha256").update(bytes).digest("hex")}  ${name}.wasm\n`;
  return [...outputs].map(line).join("");
}

function main(mode: string | undefined): void {
  const version = checkCompiler();
  const isFast = mode === "--fast";
  const target = join(cache, `target-${version}`);
  mkdirSync(target, { recursive: true });
  mkdirSync(join(crate, "wasm"), { recursive: true });
  run("cargo", ["fetch", "--locked", "--target", "wasm32-unknown-unknown"]);
  const outputs = new Map<string, Uint8Array>();
  for (const build of builds) {
    process.stderr.write(`group-engine: ${build.name}\n`);
    const bytes = compile(build, isFast ? "fast" : "release", target);
    outputs.set(build.name, isFast ? bytes : optimise(bytes, build.name));
  }
  const sums = sumsOf(outputs);
  if (isFast || mode === "--write") {
    for (const [name, bytes] of outputs) writeFileSync(join(crate, "wasm", `${name}.wasm`), bytes);
    if (!isFast) {
      writeFileSync(sumsFile, sums);
      writeFileSync(sourcesFile, sourcesHash());
    }
    process.stdout.write(sums);
    return;
  }
  if (sums !== readFileSync(sumsFile, "utf8")) {
    throw new Error(`the committed engines differ from their source:\n${sums}`);
  }
  process.stdout.write("group-engine: both builds equal wasm/SHA256SUMS\n");
}

main(process.argv[2]);
