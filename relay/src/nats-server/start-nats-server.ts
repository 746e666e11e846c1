import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseUtf8, SecretBytes, utf8Bytes } from "@cloister/base";
import {
  type ChildState,
  createPrivateFile,
  type ListenAddress,
  natsConfigText,
  readPrivateFile,
  requireFreePort,
  type SealingKey,
  SupervisedChild,
  waitForNats,
  writePrivateFile,
} from "@cloister/server-kit";
import { endOrphan } from "./orphan.ts";

/** The environment variable that the configuration takes the cipher's key from. */
export const jetStreamKeyVariable = "CLOISTER_JETSTREAM_KEY";
const keyPurpose = "jetstream-key";

/** What the fleet's operator made, all of it public: `readFleet` of accounts gives it. */
export interface NatsFleet {
  readonly operatorJwt: string;
  readonly systemAccount: string;
  /** Account tokens by public key. */
  readonly preload: ReadonlyMap<string, string>;
}

export interface NatsServerOptions {
  /** Holds configuration, streams and pushed account tokens. */
  readonly folder: string;
  readonly logFile: string;
  /** The box's key, which the key of the streams' cipher is sealed under. */
  readonly box: SealingKey;
  /** What `resolveNatsServer` found; the hash is compared before each start. */
  readonly binary: { readonly path: string; readonly sha256: string };
  readonly serverName: string;
  readonly listen: ListenAddress;
  readonly websocket?: ListenAddress | undefined;
  readonly monitorPort?: number | undefined;
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  readonly maxFileStoreBytes: number;
  readonly fleet: NatsFleet;
  readonly onState?: ((state: ChildState) => void) | undefined;
}

export interface NatsServer extends AsyncDisposable {
  readonly state: ChildState;
}

/**
 * Runs nats-server as a child that is started again when it ends: operator mode, TLS 1.3, streams
 * under AES and synced at each write. Resolves once it serves. It needs no other service, so a box
 * starts with it. Throws ERR_PORT_TAKEN where another program has one of its ports.
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const { folder, listen, fleet } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const configFile = join(folder, "nats-server.conf");
  const pidFile = join(folder, "nats-server.pid");
  await endOrphan({ pidFile, configFile });
  for (const at of [listen, options.websocket]) {
    if (at !== undefined) await requireFreePort(at.port, at.host);
  }
  const text = natsConfigText({
    serverName: options.serverName,
    listen,
    websocket: options.websocket,
    monitorPort: options.monitorPort,
    tls: options.tls,
    dataDir: folder,
    maxFileStoreBytes: options.maxFileStoreBytes,
    jetStreamKeyVariable,
    operatorJwt: fleet.operatorJwt,
    systemAccount: fleet.systemAccount,
    preload: fleet.preload,
  });
  await writePrivateFile(configFile, Buffer.from(text));
  using key = await openJetStreamKey(folder, options.box);
  const child = new SupervisedChild({
    name: "nats-server",
    program: options.binary.path,
    args: ["--config", configFile, "--pid", pidFile],
    environment: { [jetStreamKeyVariable]: key.expose(parseUtf8) },
    sha256: options.binary.sha256,
    logFile: options.logFile,
    // A stop flushes and tells the clients, who then look for another server.
    stopTimeoutMs: 15_000,
    ready: (signal) => waitForNats(listen, signal),
    ...(options.onState === undefined ? {} : { onState: options.onState }),
  });
  await child.start();
  return {
    get state() {
      return child.state;
    },
    [Symbol.asyncDispose]: () => child.stop(),
  };
}

/**
 * The key of the streams' cipher as nats-server takes it, made at the first start. It lies sealed
 * beside the streams and is given to the child in its environment, which only its own user can read.
 */
export async function openJetStreamKey(folder: string, box: SealingKey): Promise<SecretBytes> {
  const path = join(folder, "jetstream-key.sealed");
  const fresh = randomBytes(32);
  await createPrivateFile(path, box.sealBytes(keyPurpose, fresh));
  fresh.fill(0);
  const sealed = (await readPrivateFile(path)) ?? new Uint8Array();
  using key = box.openSealed(keyPurpose, sealed);
  // A letter first: the configuration reads a value that starts with a digit as a number.
  return key.expose((bytes) =>
    SecretBytes.from(utf8Bytes(`k${Buffer.from(bytes).toString("hex")}`)),
  );
}
