import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { jetstream } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { scaleOf } from "../src/harness/scale.ts";
import { SideProcess } from "../src/harness/side-process.ts";
import { compareSides, sideModule, startSide } from "../src/harness/starting.ts";
import { plainStream, startPlainServer } from "../src/servers/plain-streams.ts";
import { connectPlain } from "../src/servers/plain-user.ts";

test("the plain sides get TLS 1.3, a ciphered store and fsync before each acknowledgement", async () => {
  await using server = await startPlainServer();
  const { user, nats } = server;
  const port = Number(new URL(user.url).port);
  expect(await agreedTls(port, user.caPem)).toBe("TLSv1.3");

  expect(await readFile(nats.configFile, "utf8")).toMatch(/jetstream \{.*sync_interval: always/);

  const connection = await connectPlain(user);
  const marker = "marker-that-must-not-lie-on-the-disk";
  await jetstream(connection).publish(`${plainStream.subject}.test`, marker);
  await connection.close();
  await nats.process.stop();
  const files = await filesBelow(nats.dataDir);
  expect(files.some(({ path }) => path.endsWith(".blk"))).toBe(true);
  expect(files.filter(({ bytes }) => bytes.includes(marker))).toEqual([]);
});

test("a side runs in its own process, measures itself and tells its peak of memory", async () => {
  await using closing = new AsyncDisposableStack();
  const side = await startSide(closing, {
    name: "megolm",
    setup: { direction: "decrypt", count: 20 },
  });
  const messages: string[] = [];
  const context = { scale: scaleOf("quick"), progress: (text: string) => messages.push(text) };
  const result = await compareSides(context, { sides: [side], unit: "messages" });
  expect(result.rate("megolm")).toBeGreaterThan(0);
  expect(side.maxRssBytes).toBeGreaterThan(10 * 1024 ** 2);
  expect(messages).toHaveLength(4);
});

test("a side that cannot start says why", async () => {
  const started = SideProcess.start({
    name: "plain-batch",
    module: sideModule("plain-batch"),
    setup: { user: { url: "tls://127.0.0.1:1", caPem: "" } },
  });
  await expect(started).rejects.toThrow(/plain-batch: /);
});

/** The server greets in the clear and then turns to TLS, as every client of it does. */
async function agreedTls(port: number, ca: string): Promise<string | null> {
  const plain = connectTcp({ port, host: "127.0.0.1" });
  await once(plain, "data");
  const secure = connectTls({ socket: plain, ca, host: "127.0.0.1" });
  await once(secure, "secureConnect");
  const protocol = secure.getProtocol();
  secure.destroy();
  return protocol;
}

async function filesBelow(folder: string): Promise<{ path: string; bytes: Buffer }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(
    files.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      return { path, bytes: await readFile(path) };
    }),
  );
}
