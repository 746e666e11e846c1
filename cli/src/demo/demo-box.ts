import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  freeLoopbackPort,
  initServer,
  type ServerStatus,
  serverHome,
  startServer,
  stopServer,
} from "@cloister/deploy";
import type { Marker } from "./marker.ts";
import { TlsTap } from "./tls-tap.ts";

/** The demo's box: made and started as an operator does it, its clients sent through a tap. */
export class DemoBox {
  readonly folder: string;
  readonly #tapPort: number;
  #claim = "";
  #tap: TlsTap | undefined;
  #isRunning = false;

  private constructor(folder: string, tapPort: number) {
    this.folder = folder;
    this.#tapPort = tapPort;
  }

  static async create(parent: string): Promise<DemoBox> {
    const box = new DemoBox(join(parent, "box"), await freeLoopbackPort());
    const made = await initServer({
      home: box.folder,
      host: "127.0.0.1",
      listenHost: "127.0.0.1",
      gatewayPort: 0,
      natsPort: 0,
      webSocketPort: 0,
      advertisedNatsUrls: [`tls://127.0.0.1:${box.#tapPort}`],
      operatorName: "demo",
      keepOperatorRoot: async () => undefined,
      now: Date.now(),
    });
    box.#claim = made.claim;
    return box;
  }

  get claim(): string {
    return this.#claim;
  }

  get tap(): TlsTap {
    if (this.#tap === undefined) throw new Error("the tap is not open");
    return this.#tap;
  }

  async start(onProgress: (text: string) => void): Promise<ServerStatus> {
    const signal = AbortSignal.timeout(600_000);
    const status = await startServer(this.folder, { signal, onProgress });
    this.#isRunning = true;
    return status;
  }

  async stop(): Promise<void> {
    if (this.#isRunning) await stopServer(this.folder);
    this.#isRunning = false;
  }

  /** Opens the tap with the keys that a holder of the box has. */
  async openTap(markers: readonly Marker[]): Promise<void> {
    const home = serverHome(this.folder);
    const { natsPort } = JSON.parse(await readFile(home.settingsFile, "utf8")) as {
      natsPort: number;
    };
    this.#tap = await TlsTap.listen({
      listenPort: this.#tapPort,
      targetPort: natsPort,
      certPem: await readFile(home.tls.certFile, "utf8"),
      keyPem: await readFile(home.tls.keyFile, "utf8"),
      caPem: await readFile(home.caCertFile, "utf8"),
      markers,
    });
  }

  async closeTap(): Promise<void> {
    await this.#tap?.[Symbol.asyncDispose]();
  }

  /** From here on clients are sent to nats-server itself. */
  async startWithoutTap(): Promise<void> {
    const { settingsFile } = serverHome(this.folder);
    const settings = JSON.parse(await readFile(settingsFile, "utf8")) as object;
    await writeFile(settingsFile, JSON.stringify({ ...settings, advertisedNatsUrls: [] }));
    await this.start(() => undefined);
  }
}
