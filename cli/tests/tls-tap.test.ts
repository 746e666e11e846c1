import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type AddressInfo, connect as connectTcp, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, TLSSocket } from "node:tls";
import { freeLoopbackPort, initServer, serverHome } from "@cloister/deploy";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMarker, type Marker } from "../src/demo/marker.ts";
import { TlsTap } from "../src/demo/tls-tap.ts";

interface Keys {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

let folder: string;
let keys: Keys;
let server: Server;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloister-tap-"));
  keys = await boxKeys(join(folder, "box"));
  server = await echoServer(keys);
});

afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

async function boxKeys(home: string): Promise<Keys> {
  await initServer({
    home,
    host: "127.0.0.1",
    listenHost: "127.0.0.1",
    gatewayPort: 0,
    natsPort: 0,
    webSocketPort: 0,
    operatorName: "test",
    keepOperatorRoot: async () => undefined,
    now: Date.now(),
  });
  const { tls, caCertFile } = serverHome(home);
  return {
    certPem: await readFile(tls.certFile, "utf8"),
    keyPem: await readFile(tls.keyFile, "utf8"),
    caPem: await readFile(caCertFile, "utf8"),
  };
}

/** Begins as nats-server does, one line in the clear, and then says everything back inside TLS. */
async function echoServer({ certPem, keyPem }: Keys): Promise<Server> {
  const listening = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write("INFO {}\r\n", () => {
      const inner = new TLSSocket(socket, { isServer: true, cert: certPem, key: keyPem });
      inner.on("error", () => undefined);
      inner.pipe(inner);
    });
  });
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  return listening;
}

async function tapFor(markers: readonly Marker[]): Promise<{ tap: TlsTap; port: number }> {
  const port = await freeLoopbackPort();
  const { port: targetPort } = server.address() as AddressInfo;
  return { tap: await TlsTap.listen({ listenPort: port, targetPort, ...keys, markers }), port };
}

/** Says the pieces as a client does, and answers with what came back. */
async function converse(port: number, pieces: readonly string[]): Promise<string> {
  const socket = connectTcp({ host: "127.0.0.1", port, noDelay: true });
  const [info] = (await once(socket, "data")) as [Buffer];
  expect(info.toString("utf8")).toBe("INFO {}\r\n");
  const secure = connectTls({ socket, ca: keys.caPem, host: "127.0.0.1", servername: "" });
  await once(secure, "secureConnect");
  let heard = "";
  for (const piece of pieces) {
    secure.write(piece);
    const wanted = heard.length + piece.length;
    while (heard.length < wanted) {
      const [chunk] = (await once(secure, "data")) as [Buffer];
      heard += chunk.toString("utf8");
    }
  }
  secure.destroy();
  return heard;
}

describe("the tap in front of nats-server", () => {
  it("passes all on, and finds what is said inside TLS, though it comes in two pieces", async () => {
    const [said, unsaid] = [createMarker(), createMarker()];
    const { tap, port } = await tapFor([said, unsaid]);
    await using _tap = tap;
    const text = `before ${said.text} after`;
    const heard = await converse(port, [text.slice(0, 20), text.slice(20)]);
    expect(heard).toBe(text);
    expect(tap.hits(said)).toBe(2);
    expect(tap.hits(unsaid)).toBe(0);
    expect(tap.readBytes).toBe(2 * text.length);
  });

  it("finds nothing in a marker that it was not told of", async () => {
    const { tap, port } = await tapFor([]);
    await using _tap = tap;
    const marker = createMarker();
    await converse(port, [marker.text]);
    expect(tap.hits(marker)).toBe(0);
  });

  it("lets nobody wait where the server is gone", async () => {
    const { tap, port } = await tapFor([]);
    await using _tap = tap;
    server.close();
    const socket = connectTcp({ host: "127.0.0.1", port });
    await once(socket, "close");
  });
});
