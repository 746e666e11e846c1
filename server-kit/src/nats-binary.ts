import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { acquireBuildLock } from "./build-lock.ts";
import { kitErrors } from "./errors.ts";
import { sha256Hex, sha256OfFile } from "./file-hash.ts";
import { runGoBuild } from "./go-build.ts";
import { fitsPin, formatVersion, isAtLeast, parseVersion, type Version } from "./nats-version.ts";
import { runProgram } from "./run-program.ts";

const modulePath = "github.com/nats-io/nats-server/v2";
const buildTimeoutMs = 15 * 60_000;

export interface ResolveNatsServerOptions {
  /** Folder with the go.mod and go.sum that pin nats-server. */
  readonly moduleDir: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface NatsServerBinary {
  readonly path: string;
  readonly version: string;
  /** What a supervisor compares before each start. */
  readonly sha256: string;
  readonly source: "environment" | "path" | "cache" | "built";
}

/**
 * The nats-server to run: the one CLOISTER_NATS_SERVER names, or one on PATH whose version fits the
 * pin, or the cached build, or a build made now from the pinned sources.
 */
export async function resolveNatsServer(
  options: ResolveNatsServerOptions,
): Promise<NatsServerBinary> {
  const environment = options.environment ?? process.env;
  const pin = await readPin(options.moduleDir);
  const named = environment["CLOISTER_NATS_SERVER"];
  if (named !== undefined && named !== "") return namedBinary(named, pin);
  return (
    (await binaryOnPath(environment["PATH"] ?? "", pin)) ??
    (await cachedOrBuilt(options, { pin, cacheDir: cacheDirOf(environment) }))
  );
}

interface Pin {
  readonly server: Version;
  readonly go: Version;
  /** Hash of go.mod and go.sum: another pin is another place in the cache. */
  readonly digest: string;
}

async function readPin(moduleDir: string): Promise<Pin> {
  const mod = await readFile(join(moduleDir, "go.mod"), "utf8");
  const sum = await readFile(join(moduleDir, "go.sum"), "utf8");
  const line = mod.split("\n").find((text) => text.trim().startsWith(`${modulePath} v`));
  const server = parseVersion(line?.split(" v").at(-1) ?? "");
  const go = parseVersion(mod.split("\n").find((text) => text.startsWith("go ")) ?? "");
  if (server === undefined || go === undefined) {
    throw kitErrors.ERR_CONFIG(`go.mod does not pin ${modulePath}`);
  }
  return { server, go, digest: sha256Hex(`${mod}\0${sum}`).slice(0, 16) };
}

async function namedBinary(path: string, pin: Pin): Promise<NatsServerBinary> {
  const version = await versionOf(path);
  if (version === undefined || !fitsPin(version, pin.server)) {
    throw kitErrors.ERR_NATS_VERSION("CLOISTER_NATS_SERVER does not name a fitting nats-server", {
      hint: `it must be ${formatVersion(pin.server)} or a later patch; unset it to build one`,
    });
  }
  const sha256 = await sha256OfFile(path);
  return { path, version: formatVersion(version), sha256, source: "environment" };
}

async function binaryOnPath(pathVariable: string, pin: Pin): Promise<NatsServerBinary | undefined> {
  for (const dir of pathVariable.split(delimiter).filter((part) => part.startsWith("/"))) {
    const path = join(dir, "nats-server");
    if (!(await isExecutable(path))) continue;
    const version = await versionOf(path);
    if (version === undefined || !fitsPin(version, pin.server)) continue;
    const sha256 = await sha256OfFile(path);
    return { path, version: formatVersion(version), sha256, source: "path" };
  }
  return undefined;
}

async function versionOf(path: string): Promise<Version | undefined> {
  try {
    return parseVersion(await runProgram(path, ["--version"], { timeoutMs: 10_000 }));
  } catch {
    return undefined;
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function cacheDirOf(environment: Readonly<Record<string, string | undefined>>): string {
  const base = environment["XDG_CACHE_HOME"];
  if (base?.startsWith("/")) return join(base, "cloister");
  const home = environment["HOME"];
  if (home === undefined || home === "") {
    throw kitErrors.ERR_CONFIG("no place for the cache", { hint: "set XDG_CACHE_HOME or HOME" });
  }
  return join(home, ".cache", "cloister");
}

interface BuildPlace {
  readonly pin: Pin;
  readonly cacheDir: string;
}

async function cachedOrBuilt(
  options: ResolveNatsServerOptions,
  { pin, cacheDir }: BuildPlace,
): Promise<NatsServerBinary> {
  const version = formatVersion(pin.server);
  const dir = join(cacheDir, "nats-server", `${version}-${pin.digest}`);
  const path = join(dir, "nats-server");
  const cached = await checkedCache(path);
  if (cached !== undefined) return { path, version, sha256: cached, source: "cache" };
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch(rethrowNoSpace);
  await using _lock = await acquireBuildLock(`${path}.lock`, {
    timeoutMs: buildTimeoutMs,
    signal: options.signal,
  });
  const meanwhile = await checkedCache(path);
  if (meanwhile !== undefined) return { path, version, sha256: meanwhile, source: "cache" };
  const sha256 = await build(options, { path, pin });
  return { path, version, sha256, source: "built" };
}

/** Hash of the cached binary if it is whole; a file that was changed is refused, not replaced. */
async function checkedCache(path: string): Promise<string | undefined> {
  const stored = await readFile(`${path}.sha256`, "utf8").catch(() => undefined);
  if (stored === undefined || !(await isExecutable(path))) return undefined;
  const actual = await sha256OfFile(path);
  if (actual !== stored.trim()) {
    throw kitErrors.ERR_BINARY_HASH("the cached nats-server is not the one that was built", {
      hint: `find out who changed ${path}; remove its folder to build it again`,
    });
  }
  return actual;
}

async function build(
  options: ResolveNatsServerOptions,
  target: { readonly path: string; readonly pin: Pin },
): Promise<string> {
  await requireGo(target.pin, options.signal);
  options.onProgress?.(`building nats-server ${formatVersion(target.pin.server)} (once)`);
  const temporary = `${target.path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await runGoBuild({
      moduleDir: options.moduleDir,
      package: modulePath,
      output: temporary,
      timeoutMs: buildTimeoutMs,
      signal: options.signal,
      onProgress: options.onProgress,
    });
    await chmod(temporary, 0o700);
    const sha256 = await sha256OfFile(temporary);
    await rename(temporary, target.path);
    await writeFile(`${target.path}.sha256.tmp`, `${sha256}\n`, { mode: 0o600 });
    await rename(`${target.path}.sha256.tmp`, `${target.path}.sha256`);
    return sha256;
  } catch (error) {
    return rethrowNoSpace(error);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Go 1.21 and later fetch the toolchain that go.mod names, unless GOTOOLCHAIN forbids it. */
async function requireGo(pin: Pin, signal: AbortSignal | undefined): Promise<void> {
  const wanted = `Go ${pin.go.major}.${pin.go.minor}`;
  const hint = `install ${wanted} or later from https://go.dev/dl, or set CLOISTER_NATS_SERVER`;
  let text: string;
  try {
    text = await runProgram("go", ["env", "GOVERSION", "GOTOOLCHAIN"], {
      timeoutMs: 20_000,
      signal,
    });
  } catch (cause) {
    throw kitErrors.ERR_GO_MISSING(`${wanted} is needed to build nats-server`, { cause, hint });
  }
  const [versionText = "", toolchain = ""] = text.split("\n");
  const version = parseVersion(versionText);
  const canFetch =
    version !== undefined &&
    isAtLeast(version, { major: 1, minor: 21, patch: 0 }) &&
    toolchain !== "local";
  if (version !== undefined && (isAtLeast(version, pin.go) || canFetch)) return;
  throw kitErrors.ERR_GO_TOO_OLD(`${wanted} is needed to build nats-server, found ${versionText}`, {
    hint,
  });
}

function rethrowNoSpace(error: unknown): never {
  if ((error as NodeJS.ErrnoException).code === "ENOSPC") {
    throw kitErrors.ERR_NO_SPACE("no space left for the nats-server build", { cause: error });
  }
  throw error;
}
