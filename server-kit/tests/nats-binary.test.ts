import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { resolveNatsServer, sha256OfFile } from "../src/index.ts";

let dir: string;
let moduleDir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "cloister-binary-"));
  moduleDir = join(dir, "module");
  await mkdir(moduleDir);
  const pin =
    "module x\n\ngo 1.26.0\n\nrequire (\n\tgithub.com/nats-io/nats-server/v2 v2.15.2 // indirect\n)\n";
  await writeFile(join(moduleDir, "go.mod"), pin);
  await writeFile(join(moduleDir, "go.sum"), "");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function tool(name: string, script: string): Promise<string> {
  const path = join(dir, "bin", name);
  await mkdir(join(dir, "bin"), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

const fakeServer = (version: string) => `echo "nats-server: v${version}"`;

/** Writes a "server" where `-o` says, and counts how often it was asked to. */
const fakeGo = (goVersion: string, build = 'printf "#!/bin/sh\\n" > "$2"') =>
  [
    `if [ "$1" = env ]; then echo ${goVersion}; echo auto; exit 0; fi`,
    `echo build >> "${"$"}COUNT"; while [ "$1" != -o ]; do shift; done; ${build}`,
  ].join("\n");

/** The build runs with the process's own environment, so a fake Go is put there. */
async function withPath<T>(run: (environment: Record<string, string>) => Promise<T>): Promise<T> {
  const before = process.env["PATH"];
  const path = `${join(dir, "bin")}:/usr/bin:/bin`;
  process.env["PATH"] = path;
  process.env["COUNT"] = join(dir, "count");
  try {
    return await run({ PATH: path, XDG_CACHE_HOME: join(dir, "cache"), HOME: dir });
  } finally {
    process.env["PATH"] = before;
  }
}

describe("the nats-server to run", () => {
  test("is the one that the environment names, if its version fits", async () => {
    const path = await tool("other", fakeServer("2.15.4"));
    const environment = { CLOISTER_NATS_SERVER: path };
    const found = await resolveNatsServer({ moduleDir, environment });
    expect(found).toMatchObject({ path, version: "2.15.4", source: "environment" });
    expect(found.sha256).toBe(await sha256OfFile(path));
    for (const version of ["2.15.1", "2.14.9", "2.16.0", "3.15.2"]) {
      await tool("other", fakeServer(version));
      const resolve = resolveNatsServer({ moduleDir, environment });
      await expect(resolve).rejects.toMatchObject({ code: "ERR_NATS_VERSION" });
    }
  });

  test("is the one on PATH if it fits, and is not if it does not", async () => {
    await withPath(async (environment) => {
      await tool("nats-server", fakeServer("2.15.2"));
      expect((await resolveNatsServer({ moduleDir, environment })).source).toBe("path");
      await tool("nats-server", fakeServer("2.12.0"));
      await tool("go", fakeGo("go1.26.1"));
      expect((await resolveNatsServer({ moduleDir, environment })).source).toBe("built");
    });
  });

  test("is built once, also by two at a time, and found in the cache afterwards", async () => {
    await withPath(async (environment) => {
      await tool("go", fakeGo("go1.26.1", 'sleep 0.3; printf "#!/bin/sh\\n" > "$2"'));
      const both = [1, 2].map(() => resolveNatsServer({ moduleDir, environment }));
      const sources = (await Promise.all(both)).map(({ source }) => source).toSorted();
      expect(sources).toEqual(["built", "cache"]);
      expect((await resolveNatsServer({ moduleDir, environment })).source).toBe("cache");
      expect(await readFile(join(dir, "count"), "utf8")).toBe("build\n");
      const { path } = await resolveNatsServer({ moduleDir, environment });
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    });
  });

  test("[F78] is refused when the cached file is no longer what was built", async () => {
    await withPath(async (environment) => {
      await tool("go", fakeGo("go1.26.1"));
      const { path } = await resolveNatsServer({ moduleDir, environment });
      await writeFile(path, "#!/bin/sh\necho changed\n");
      const again = resolveNatsServer({ moduleDir, environment });
      await expect(again).rejects.toMatchObject({ code: "ERR_BINARY_HASH" });
    });
  });

  test("is another one when go.sum changes", async () => {
    await withPath(async (environment) => {
      await tool("go", fakeGo("go1.26.1"));
      const first = await resolveNatsServer({ moduleDir, environment });
      await writeFile(join(moduleDir, "go.sum"), "other\n");
      const second = await resolveNatsServer({ moduleDir, environment });
      expect(second.source).toBe("built");
      expect(second.path).not.toBe(first.path);
    });
  });

  test("says which Go is needed when it is missing, or too old to fetch a newer one", async () => {
    await withPath(async (environment) => {
      process.env["PATH"] = join(dir, "bin");
      const missing = resolveNatsServer({ moduleDir, environment });
      await expect(missing).rejects.toMatchObject({ code: "ERR_GO_MISSING" });
      await tool("go", fakeGo("go1.19.8"));
      const old = resolveNatsServer({ moduleDir, environment });
      const hint = expect.stringContaining("Go 1.26") as string;
      await expect(old).rejects.toMatchObject({ code: "ERR_GO_TOO_OLD", hint });
    });
  });

  test("says that space is missing, or what go said", async () => {
    await withPath(async (environment) => {
      await tool("go", fakeGo("go1.26.1", 'echo "write: no space left on device" >&2; exit 1'));
      const full = resolveNatsServer({ moduleDir, environment });
      await expect(full).rejects.toMatchObject({ code: "ERR_NO_SPACE" });
      await tool(
        "go",
        fakeGo("go1.26.1", 'echo "verifying module: checksum mismatch" >&2; exit 1'),
      );
      const bad = resolveNatsServer({ moduleDir, environment });
      await expect(bad).rejects.toThrow("checksum mismatch");
    });
  });
});
