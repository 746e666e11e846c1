import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SecretBytes, utf8Bytes } from "@cloister/base";
import { connect, createProfile, profileFolder, setup } from "@cloister/client-node";
import { initServer, parseClaim, startServer, stopServer } from "@cloister/deploy";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const example = join(root, "client-node", "examples", "ten-lines.mts");
const tsc = join(root, "node_modules", ".bin", "tsc");
const passphrase = "a passphrase for the example";

/** An empty folder with nothing of the repository but what `npm install` put there. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloister-packed-"));
  const { stdout } = await run(
    process.execPath,
    [join(root, "tools/pack-client.ts"), join(folder, "pack")],
    { cwd: root },
  );
  const tarball = stdout.trim().split("\n").at(-1) ?? "";
  const app = join(folder, "app");
  await mkdir(app);
  await writeFile(join(app, "package.json"), '{"private":true,"type":"module"}');
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const nodeTypes = `@types/node@${manifest.devDependencies["@types/node"]}`;
  await run("npm", ["install", ...flags, tarball, nodeTypes], { cwd: app });
  await cp(example, join(app, "ten-lines.mts"));
}, 600_000);
afterAll(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

describe("the packed client in an empty folder", () => {
  test("[F92] type-checks under the strictest flags", async () => {
    const app = join(folder, "app");
    const compilerOptions = {
      target: "es2025",
      lib: ["es2025", "esnext.disposable", "esnext.typedarrays", "esnext.collection"],
      module: "nodenext",
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      outDir: "built",
    };
    const config = { compilerOptions, files: ["ten-lines.mts"] };
    await writeFile(join(app, "tsconfig.json"), JSON.stringify(config));
    await run(tsc, ["-p", "."], { cwd: app }).catch((error: unknown) => {
      throw new Error((error as { stdout: string }).stdout.slice(0, 4_000));
    });
    // The declarations are there and tell a wrong use.
    const wrong = (await readFile(example, "utf8")).replace("room.send(", "room.sent(");
    await writeFile(join(app, "wrong.mts"), wrong);
    await writeFile(
      join(app, "tsconfig.json"),
      JSON.stringify({ ...config, files: ["wrong.mts"] }),
    );
    await expect(run(tsc, ["-p", ".", "--noEmit"], { cwd: app })).rejects.toThrow("Command failed");
  }, 120_000);

  test("[F92] runs ten lines against a box: a message is stored and read", async () => {
    const home = join(folder, "box");
    const { claim } = await initServer({
      home,
      host: "127.0.0.1",
      listenHost: "127.0.0.1",
      gatewayPort: 0,
      natsPort: 0,
      webSocketPort: 0,
      operatorName: "example",
      keepOperatorRoot: () => Promise.resolve(),
      now: Date.now(),
    });
    await startServer(home, { signal: AbortSignal.timeout(90_000) });
    try {
      const app = join(folder, "app");
      const environment = { ...process.env, CLOISTER_HOME: join(folder, "profiles") };
      await foundOrg(claim, environment);
      await writeFile(join(app, "passphrase"), `${passphrase}\n`, { mode: 0o600 });
      const program = join(app, "built", "ten-lines.mjs");
      const options = { cwd: app, env: environment, timeout: 60_000 };
      const { stdout } = await run(process.execPath, [program], options);
      expect(stdout).toContain("{ kind: 'text', text: 'Hello from ten lines' }");
    } finally {
      await stopServer(home);
    }
  }, 240_000);

  test("is what the documents show", async () => {
    const lines = (await readFile(example, "utf8")).trimEnd();
    expect(lines.split("\n")).toHaveLength(10);
    for (const document of ["README.md", "client-node/README.md"]) {
      const text = await readFile(join(root, document), "utf8");
      expect(text, document).toContain(`\`\`\`ts\n${lines}\n\`\`\``);
    }
  });
});

async function foundOrg(claimText: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const { gatewayUrl, caSha256, secret: claimSecret } = parseClaim(claimText);
  using secret = SecretBytes.from(utf8Bytes(passphrase));
  await using profile = await createProfile(profileFolder("alice", environment), secret);
  const names = { orgName: "Acme", personName: "Alice" };
  await setup.createOrg(profile.ports, { gatewayUrl, caSha256, claimSecret, ...names });
  await using client = await connect(profile.ports);
  const project = await client.org.createProject("Newsdesk");
  await client.room(await client.org.createRoom({ project, name: "sources" }));
}
