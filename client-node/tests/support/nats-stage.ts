import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { newRoomId, parseHex, type RoomId } from "@cloister/base";
import type { Connection, ConnectionState, PublishBatch } from "@cloister/client-core";
import { natsTransport, PinnedAuthorities } from "@cloister/client-node";
import { fenceSubject, roomSubject } from "@cloister/proto";
import { NkeyPair } from "@cloister/server-kit";
import {
  createConsumer,
  createOrgStreams,
  publish,
  signUser,
  startNats,
  type TestNats,
  type TestUser,
} from "@cloister/testkit";

export const newRoom = (): RoomId =>
  newRoomId({ bytes: (length) => new Uint8Array(randomBytes(length)) });
export const messageId = (): string => randomBytes(16).toString("hex");

/** A device as the transport knows it: its key, and the tokens that its gateway would give. */
export interface Device {
  readonly pair: NkeyPair<"user">;
  readonly rooms: readonly RoomId[];
  readonly states: ConnectionState[];
  /** How often credentials were asked for. */
  asked(): number;
  /** Instead of a good token from now on. */
  refuse(): void;
  connect(): Promise<Connection>;
}

/** The real nats-server with one org, its relay's connection, and devices over the Node transport. */
export class NatsStage implements AsyncDisposable {
  readonly nats: TestNats;
  readonly #folder: string;
  readonly #open = new Set<Connection>();
  #relay: TestUser;

  private constructor(parts: { nats: TestNats; folder: string; relay: TestUser }) {
    this.nats = parts.nats;
    this.#folder = parts.folder;
    this.#relay = parts.relay;
  }

  static async start(maxBytes = 64 << 20): Promise<NatsStage> {
    const nats = await startNats({ orgs: ["alpha"] });
    const folder = await mkdtemp(join(tmpdir(), "cloister-transport-"));
    const relay = await nats.relay(nats.org("alpha"));
    await createOrgStreams(relay.connection, maxBytes);
    const stage = new NatsStage({ nats, folder, relay });
    await writeFile(stage.#fileOf(nats.authority.fingerprint), nats.authority.certPem);
    return stage;
  }

  get relay(): TestUser {
    return this.#relay;
  }

  /** Stops the server in the middle of whatever it does: its connections stay open, and silent. */
  async freeze(): Promise<void> {
    const pid = this.nats.process.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    while (!/\) T /.test(await readFile(`/proc/${pid}/stat`, "utf8"))) await delay(5);
    // Its threads follow one by one.
    await delay(50);
  }

  /** After the server was killed. */
  async restart(): Promise<void> {
    await this.nats.process.start();
    this.#relay = await this.nats.relay(this.nats.org("alpha"));
  }

  device(rooms: readonly RoomId[], urls: readonly string[] = [this.nats.url]): Device {
    const pair = NkeyPair.generate("user");
    const states: ConnectionState[] = [];
    const { account, memberKey: key } = this.nats.org("alpha");
    const tags = rooms.map((room) => `room:${room}`);
    let asked = 0;
    let signer = key;
    const transport = natsTransport(new PinnedAuthorities((hash) => this.#fileOf(hash)));
    return {
      pair,
      rooms,
      states,
      asked: () => asked,
      refuse: () => {
        signer = NkeyPair.generate("account");
      },
      connect: async () => {
        const connection = await transport.connect({
          urls,
          caSha256: parseHex(this.nats.authority.fingerprint),
          nkey: pair.publicKey,
          credentials: async () => {
            asked += 1;
            return { jwt: signUser({ account, key: signer, user: pair, tags }) };
          },
          signNonce: (nonce) => pair.sign(nonce),
          onState: (state) => states.push(state),
        });
        this.#open.add(connection);
        return connection;
      },
    };
  }

  async consumer(device: Device): Promise<void> {
    await createConsumer(this.relay.connection, {
      device: device.pair.publicKey,
      rooms: device.rooms,
    });
  }

  async deleteConsumer(device: Device): Promise<void> {
    const subject = `$JS.API.CONSUMER.DELETE.ROOMS.${device.pair.publicKey}`;
    await this.relay.connection.request(subject, "{}");
  }

  /** The relay's record; answers with its sequence. */
  async fence(room: RoomId): Promise<bigint> {
    const subject = fenceSubject(room);
    return BigInt((await publish(this.relay.connection, { subject, payload: "fence" })).seq ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#open].map((each) => each[Symbol.asyncDispose]()));
    await this.nats[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #fileOf(hash: string): string {
    return join(this.#folder, `${hash}.pem`);
  }
}

export interface BatchOf {
  readonly device: Device;
  readonly room: RoomId;
  readonly fence: bigint;
  readonly payloads: readonly (string | Uint8Array)[];
  readonly ids?: readonly string[];
  readonly timeoutMs?: number;
}

export function batchOf(input: BatchOf): PublishBatch {
  const { device, room, fence, payloads, ids, timeoutMs = 10_000 } = input;
  return {
    subject: roomSubject(room, device.pair.publicKey),
    fenceSubject: fenceSubject(room),
    fenceSequence: fence,
    timeoutMs,
    records: payloads.map((payload, index) => ({
      payload: typeof payload === "string" ? Buffer.from(payload) : payload,
      messageId: ids?.[index] ?? messageId(),
    })),
  };
}
