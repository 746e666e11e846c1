import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { type Marker, MarkerSearch } from "./marker.ts";

export interface TlsTapOptions {
  readonly listenPort: number;
  readonly targetPort: number;
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
  readonly markers: readonly Marker[];
}

/**
 * Stands where a relay's holder stands: it has the server's key, ends the TLS of every client in
 * front of nats-server, and reads all that passes both ways inside it.
 */
export class TlsTap implements AsyncDisposable {
  readonly #options: TlsTapOptions;
  readonly #server: Server;
  readonly #searches = new Map<Marker, MarkerSearch[]>();
  readonly #sockets = new Set<Socket>();
  #bytes = 0;

  private constructor(options: TlsTapOptions) {
    this.#options = options;
    for (const marker of options.markers) this.#searches.set(marker, []);
    this.#server = createServer((client) => this.#accept(client));
  }

  static async listen(options: TlsTapOptions): Promise<TlsTap> {
    const tap = new TlsTap(options);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    tap.#server.once("error", reject);
    tap.#server.listen(options.listenPort, "127.0.0.1", resolve);
    await promise;
    return tap;
  }

  /** Bytes read inside TLS, both directions. */
  get readBytes(): number {
    return this.#bytes;
  }

  hits(marker: Marker): number {
    return (this.#searches.get(marker) ?? []).reduce((sum, search) => sum + search.hits, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  /** nats-server speaks first, in the clear: one INFO line, then both sides turn to TLS. */
  #accept(client: Socket): void {
    const server = connectTcp({ host: "127.0.0.1", port: this.#options.targetPort, noDelay: true });
    client.setNoDelay(true);
    this.#keep(client, server);
    let info = Buffer.alloc(0);
    const onInfo = (chunk: Buffer): void => {
      info = Buffer.concat([info, chunk]);
      if (!info.includes("\r\n")) return;
      server.off("data", onInfo);
      server.pause();
      client.write(info, () => this.#secure(client, server));
    };
    server.on("data", onInfo);
  }

  #secure(client: Socket, server: Socket): void {
    const { certPem, keyPem, caPem } = this.#options;
    const inner = new TLSSocket(client, {
      isServer: true,
      cert: certPem,
      key: keyPem,
      minVersion: "TLSv1.3",
    });
    const outer = connectTls({ socket: server, ca: caPem, host: "127.0.0.1", servername: "" });
    this.#keep(inner, outer);
    this.#pump(inner, outer);
    this.#pump(outer, inner);
  }

  #pump(from: Socket, to: Socket): void {
    const searches = [...this.#searches].map(([marker, all]) => {
      const search = new MarkerSearch(marker);
      all.push(search);
      return search;
    });
    from.on("data", (chunk: Buffer) => {
      this.#bytes += chunk.length;
      for (const search of searches) search.add(chunk);
      if (to.write(chunk)) return;
      from.pause();
      to.once("drain", () => from.resume());
    });
    from.on("end", () => to.end());
  }

  /** One side's end or fault ends the other: nats.js reconnects by itself. */
  #keep(one: Socket, other: Socket): void {
    for (const [socket, peer] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => peer.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        peer.destroy();
      });
    }
  }
}
