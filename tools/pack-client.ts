// Packs the client for developers: one ES module with every package of ours in it, declarations, the
// member engine beside; what npm provides stays a dependency, at the version that is tested here.
import { execFileSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { rolldown } from "rolldown";
import { root, run } from "./run.ts";

const scope = "@cloister/";
/** Packages that the client consists of, by their folders. */
const parts = ["base", "proto", "rules", "crates/group-engine", "client-core", "client-node"];

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
const nameOf = (folder: string): string => folder.slice(folder.lastIndexOf("/") + 1);

/** Builds into `output` and answers with the tarball's path. */
async function packClient(output: string): Promise<string> {
  rmSync(output, { recursive: true, force: true });
  mkdirSync(join(output, "wasm"), { recursive: true });
  const used = await bundleCode(join(output, "lib"));
  run("tsc", ["-b", "client-node"]);
  copyDeclarations(join(output, "types"));
  cpSync(join(root, "crates/group-engine/wasm/member.wasm"), join(output, "wasm/member.wasm"));
  for (const file of ["LICENSE", "client-node/README.md"]) {
    cpSync(join(root, file), join(output, file.slice(file.lastIndexOf("/") + 1)));
  }
  writeFileSync(join(output, "package.json"), `${JSON.stringify(manifest(used), undefined, 2)}\n`);
  const packed = execFileSync("npm", ["pack", "--json", "--ignore-scripts"], { cwd: output });
  const [{ filename }] = JSON.parse(packed.toString()) as [{ filename: string }];
  return join(output, filename);
}

/** Answers with the packages that the bundle imports. */
async function bundleCode(folder: string): Promise<Set<string>> {
  await using bundle = await rolldown({
    input: join(root, "client-node/src/index.ts"),
    platform: "node",
    external: (id) => !id.startsWith(".") && !id.startsWith("/") && !id.startsWith(scope),
    // The engine's place is found beside the bundle, not within the sources.
    resolve: { mainFields: [], conditionNames: ["default"] },
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "esm",
    entryFileNames: "index.js",
    chunkFileNames: "[name].js",
  });
  const imports = output.flatMap((chunk) =>
    chunk.type === "chunk" ? [...chunk.imports, ...chunk.dynamicImports] : [],
  );
  const foreign = imports.filter((id) => !id.startsWith("node:") && !id.endsWith(".js"));
  return new Set([...foreign, ...imports.filter((id) => id.startsWith("@"))].map(packageOf));
}

function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/** As the compiler wrote them, with our package names turned into paths. */
function copyDeclarations(folder: string): void {
  const entries = declarationEntries();
  for (const part of parts) {
    const from = join(root, ".cache/types", nameOf(part));
    const files = globSync("{src,js,gen}/**/*.d.ts", { cwd: from });
    for (const file of files.filter((name) => !name.endsWith(".test.d.ts"))) {
      const at = join(nameOf(part), file);
      const source = readFileSync(join(from, file), "utf8");
      const text = source.replaceAll(
        /(["'])(@cloister\/[^"']+|\.[^"']+)\.?\1/g,
        (whole, _q, id) => {
          const target = entries.get(String(id));
          if (target !== undefined) return JSON.stringify(pathTo(at, target));
          return whole.replace(/\.ts(["'])$/, ".js$1");
        },
      );
      mkdirSync(dirname(join(folder, at)), { recursive: true });
      writeFileSync(join(folder, at), text);
    }
  }
}

function pathTo(from: string, to: string): string {
  const path = relative(dirname(from), to);
  return path.startsWith(".") ? path : `./${path}`;
}

/** `@cloister/base` → `base/src/index.js`, for every entry of every part. */
function declarationEntries(): Map<string, string> {
  return new Map(
    parts.flatMap((part) =>
      Object.entries(manifestOf(part).exports).map(([entry, file]): [string, string] => [
        `${scope}${nameOf(part)}${entry.slice(1)}`,
        join(nameOf(part), file.replace(/\.ts$/, ".js")),
      ]),
    ),
  );
}

function manifest(used: ReadonlySet<string>): object {
  const known = Object.assign({}, ...parts.map((part) => manifestOf(part).dependencies ?? {}));
  const dependencies = [...used].toSorted().map((name) => {
    if (known[name] === undefined) throw new Error(`no package of ours declares ${name}`);
    return [name, known[name]];
  });
  return {
    name: "@cloister/client",
    version: manifestOf("client-node").version,
    description: "Client of Cloister: rooms that their servers cannot read.",
    license: "Apache-2.0",
    type: "module",
    engines: { node: ">=26" },
    exports: { ".": { types: "./types/client-node/src/index.d.ts", default: "./lib/index.js" } },
    files: ["lib", "types", "wasm"],
    dependencies: Object.fromEntries(dependencies),
  };
}

console.log(await packClient(process.argv[2] ?? join(root, "dist/client")));
