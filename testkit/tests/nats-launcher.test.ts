import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { roomSubject } from "@cloister/proto";
import {
  createOrgStreams,
  publish,
  startNats,
  startPlainNats,
  type TestNats,
} from "@cloister/testkit";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lastOf, newRoom } from "./nats-isolation-stage.ts";

let nats: TestNats;
beforeAll(async () => {
  nats = await startNats({ orgs: ["alpha"] });
}, 120_000);
afterAll(async () => {
  await nats?.[Symbol.asyncDispose]();
});

async function filesUnder(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe("the real nats-server", () => {
  test("[F45] what it acknowledged is there after kill -9, and connections come back to it", async () => {
    const alpha = nats.org("alpha");
    const relay = await nats.relay(alpha);
    await createOrgStreams(relay.connection);
    const room = newRoom();
    const alice = await nats.member(alpha, [room]);
    const subject = roomSubject(room, alice.pair.publicKey);
    const marker = "MARKER-plain-text-of-the-test";
    const { seq } = await publish(alice.connection, { subject, payload: marker });
    await nats.process.kill();
    await nats.process.start();
    const again = await nats.member(alpha, [room], alice.pair);
    expect(await lastOf(again, subject)).toEqual({ seq, text: marker });
    // JetStream's own cipher: what a taken disk shows, apart from our encryption.
    for (const file of await filesUnder(join(nats.dataDir, "jetstream"))) {
      expect((await readFile(file)).includes(marker)).toBe(false);
    }
  });

  test("has a configuration of mode 0600 without a secret, and none in its arguments", async () => {
    expect((await stat(nats.configFile)).mode & 0o777).toBe(0o600);
    const text = await readFile(nats.configFile, "utf8");
    expect(text).toContain("key: $CLOISTER_JETSTREAM_KEY");
    expect(text).not.toMatch(/\bS[OAU][A-Z2-7]{56}\b/);
    const args = await readFile(`/proc/${nats.process.pid}/cmdline`, "utf8");
    expect(args.split("\0").slice(1, 3)).toEqual(["--config", nats.configFile]);
  });

  test("takes WebSocket over TLS", async () => {
    const { port } = new URL(nats.websocketUrl);
    const { connect: connectTls } = await import("node:tls");
    const socket = connectTls({
      port: Number(port),
      host: "127.0.0.1",
      ca: nats.authority.certPem,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    expect(socket.getProtocol()).toBe("TLSv1.3");
    socket.destroy();
  });

  test("also starts plain, for comparisons", async () => {
    await using plain = await startPlainNats();
    const connection = await connect({ servers: plain.url, tls: { ca: plain.authority.certPem } });
    const info = (await connection.request("$JS.API.INFO")).json();
    expect(info).toMatchObject({ streams: 0 });
    await connection.close();
  });
});
