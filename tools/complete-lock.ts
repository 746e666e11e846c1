// Adds to package-lock.json the builds of the tools for other platforms, which a registry without
// them leaves out: `npm ci` demands every one, even of those that it would not install.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./run.ts";

interface LockEntry {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optional?: true;
  readonly dev?: true;
}

type Packages = Record<string, LockEntry>;

const systems =
  /(?:^|[-/])(android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|aix|win32|wasm32)(?=-|$)/;
const processors = /-(x64|arm64|armv7|arm|ia32|ppc64|riscv64|s390x|loong64|mips64el)(?=-|$)/;

/** The entries that the lock's packages name as optional and the lock lacks. */
export function missingEntries(packages: Packages): Packages {
  const missing: Packages = {};
  for (const { optionalDependencies = {}, dev } of Object.values(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const path = `node_modules/${name}`;
      if (path in packages || !/^\d+\.\d+\.\d+[\w.+-]*$/.test(version)) continue;
      missing[path] = { version, ...platformOf(name), ...(dev ? { dev } : {}), optional: true };
    }
  }
  return missing;
}

/** What the name says of the platform: npm compares it with its own before it installs. */
export function platformOf(name: string): Pick<LockEntry, "os" | "cpu" | "libc"> {
  const system = systems.exec(name)?.[1];
  if (system === "wasm32") return { cpu: ["wasm32"] };
  const processor = processors.exec(name)?.[1]?.replace("armv7", "arm");
  const libc = name.includes("musl") ? "musl" : name.includes("-gnu") ? "glibc" : undefined;
  if (system === undefined) throw new Error(`${name} names no platform`);
  return {
    os: [system],
    ...(processor === undefined ? {} : { cpu: [processor] }),
    ...(libc === undefined || system !== "linux" ? {} : { libc: [libc] }),
  };
}

if (import.meta.main) {
  const path = join(root, "package-lock.json");
  const lock: { packages: Packages } = JSON.parse(readFileSync(path, "utf8"));
  const added = missingEntries(lock.packages);
  const entries = Object.entries({ ...lock.packages, ...added });
  lock.packages = Object.fromEntries(entries.toSorted(([a], [b]) => a.localeCompare(b, "en")));
  writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`);
  console.log(`${Object.keys(added).length} entries added`);
}
