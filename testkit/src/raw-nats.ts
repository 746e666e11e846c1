import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { NkeyPair } from "@cloister/server-kit";

export interface RawNatsOptions {
  readonly port: number;
  readonly caPem: string;
  readonly tlsVersion?: "TLSv1.2" | "TLSv1.3";
}

/** Bytes on the wire as a hostile client writes them: no library stands between. */
export class RawNats implements AsyncDisposable {
  readonly #socket: TLSSocket;
  readonly nonce: string;
  #received = "";

  private constructor(socket: TLSSocket, nonce: string) {
    this.#socket = socket;
    this.nonce = nonce;
    socket.on("error", () => undefined);
    socket.on("data", (data: Buffer) => {
      this.#received += data.toString("latin1");
    });
  }

  static async open(options: RawNatsOptions): Promise<RawNats> {
    const plain = connect({ host: "127.0.0.1", port: options.port });
    const info = await firstLine(plain);
    const { nonce = "" } = JSON.parse(info.slice("INFO ".length)) as { nonce?: string };
    const socket = connectTls({
      socket: plain,
      ca: options.caPem,
      servername: "localhost",
      ...(options.tlsVersion === undefined
        ? {}
        : { minVersion: options.tlsVersion, maxVersion: options.tlsVersion }),
    });
    await Promise.race([once(socket, "secureConnect"), closed(socket)]);
    return new RawNats(socket, nonce);
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  signIn(jwt: string, pair: NkeyPair<"user">): void {
    const sig = Buffer.from(pair.sign(Buffer.from(this.nonce))).toString("base64url");
    const options = {
      jwt,
      sig,
      nkey: pair.publicKey,
      verbose: false,
      pedantic: false,
      protocol: 1,
    };
    this.send(`CONNECT ${JSON.stringify(options)}\r\nPING\r\n`);
  }

  /** What came until `pattern` matched, the server closed, or two seconds passed. */
  async until(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + 2_000;
    while (!pattern.test(this.#received) && Date.now() < deadline && !this.#socket.destroyed) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return this.#received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}

async function firstLine(socket: Socket): Promise<string> {
  let text = "";
  while (!text.includes("\r\n")) {
    const [data] = (await once(socket, "data")) as [Buffer];
    text += data.toString("latin1");
  }
  return text.slice(0, text.indexOf("\r\n"));
}

async function closed(socket: TLSSocket): Promise<never> {
  await new Promise((resolve) => {
    socket.once("close", resolve);
    socket.once("error", resolve);
  });
  throw new Error("the server closed the connection");
}
