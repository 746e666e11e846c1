import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { startNats } from "@cloister/testkit";
import { jetstream } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { scaleOf } from "../src/harness/scale.ts";
import { SideProcess } from "../src/harness/side-process.ts";
import { compareSides, sideModule, startSide } from "../src/harness/starting.ts";
import { addPlainUser } from "../src/servers/plain-nats.ts";
import { createPlainStream, plainStream } from "../src/servers/plain-streams.ts";
import { connectPlain } from "../src/servers/plain-user.ts";

test("the plain sides get TLS 1.3, a ciphered store and fsync before each acknowledgement", async () => {
  await using nats = await startNats();
  const user = await addPlainUser(nats);
  await createPlainStream(user);

  expect(await agreedTls(nats.port, user.caPem)).toBe("TLSv1.3");

  const state: unknown = await (await fetch(`${nats.monitorUrl}/jsz?config=1`)).json();
  expect(state).toMatchObject({ config: { sync_always: true } });

  const connection = await connectPlain(user);
  const marker = "marker-that-must-not-lie-on-the-disk";
  await jetstream(connection).publish(`${plainStream.subject}.test`, marker);
  await connection.close();
  await nats.process.stop();
  const stored = await filesBelow(join(nats.dataDir, "jetstream"));
  expect(stored.some(({ path }) => path.endsWith(".blk"))).toBe(true);
  expect(stored.filter(({ bytes }) => bytes.includes(marker))).toEqual([]);
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
    setup: { user: { url: "tls://127.0.0.1:1", caPem: "", jwt: "", seed: new Uint8Array(32) } },
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
