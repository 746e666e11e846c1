import { randomBytes } from "node:crypto";
import { SecretBytes, utf8Bytes } from "@cloister/base";
import {
  type Client,
  type ClientPorts,
  type Connection,
  type ConnectionOptions,
  connect,
} from "@cloister/client-core";
import { createProfile, type OpenProfile, openProfile, profileAt } from "@cloister/client-node";
import type { MemberEngine } from "@cloister/group-engine/types";
import type { UserNkey } from "@cloister/proto";

export interface DevicePlace {
  readonly name: string;
  readonly folder: string;
  /** Of a profile that lives as long as the test. */
  readonly passphrase: string;
}

/** What a test puts in the way of a device: its clock, its network, its disk. */
export type PortsBend = (ports: ClientPorts) => ClientPorts;

/** A device: one profile on disk, opened and closed as a real one is. */
export class SystemDevice implements AsyncDisposable {
  readonly place: DevicePlace;
  /** Applied at the next opening. */
  bend: PortsBend = (ports) => ports;
  #profile: OpenProfile | undefined;
  #client: Client | undefined;
  #connection: Connection | undefined;
  #engine: MemberEngine | undefined;
  #signIn: ConnectionOptions | undefined;

  constructor(place: DevicePlace) {
    this.place = place;
  }

  static at(name: string, folder: string): SystemDevice {
    return new SystemDevice({ name, folder, passphrase: randomBytes(24).toString("base64url") });
  }

  get name(): string {
    return this.place.name;
  }

  get client(): Client {
    if (this.#client === undefined) throw new Error(`${this.name} is not open`);
    return this.#client;
  }

  /** The device's own connection to NATS, with its real token. */
  get connection(): Connection {
    if (this.#connection === undefined) throw new Error(`${this.name} has no connection`);
    return this.#connection;
  }

  /** Of the open client: what its group has come to, seen from inside. */
  get engine(): MemberEngine {
    if (this.#engine === undefined) throw new Error(`${this.name} is not open`);
    return this.#engine;
  }

  get nkey(): UserNkey {
    return this.signIn.nkey;
  }

  /** Its real token and key, for a hostile program in its place. */
  get signIn(): ConnectionOptions {
    if (this.#signIn === undefined) throw new Error(`${this.name} has never been online`);
    return this.#signIn;
  }

  /** A new, empty profile. */
  async create(): Promise<ClientPorts> {
    using passphrase = this.#secret();
    this.#profile = await createProfile(profileAt(this.place.folder), passphrase);
    return this.#bent(this.#profile.ports);
  }

  async ports(): Promise<ClientPorts> {
    using passphrase = this.#secret();
    this.#profile ??= await openProfile(profileAt(this.place.folder), passphrase);
    return this.#bent(this.#profile.ports);
  }

  async open(options: { readonly online?: boolean } = {}): Promise<Client> {
    this.#client = await connect({ ...(await this.ports()), ...options });
    return this.#client;
  }

  /** Where it stands: what a failure is understood from. */
  standing(): string {
    if (this.#client === undefined) return `${this.name}: closed`;
    const rooms = this.#client
      .rooms()
      .map((room) =>
        JSON.stringify(room, (_, value: unknown) =>
          typeof value === "bigint" ? String(value) : value,
        ),
      );
    return [`${this.name}: ${JSON.stringify(this.#client.state())}`, ...rooms].join("\n  ");
  }

  async close(): Promise<void> {
    const [client, profile] = [this.#client, this.#profile];
    this.#client = undefined;
    this.#profile = undefined;
    this.#connection = undefined;
    this.#engine = undefined;
    await client?.[Symbol.asyncDispose]();
    await profile?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #bent(ports: ClientPorts): ClientPorts {
    const { transport, engine } = ports;
    return this.bend({
      ...ports,
      engine: async (options) => {
        this.#engine = await engine(options);
        return this.#engine;
      },
      transport: {
        connect: async (options: ConnectionOptions) => {
          this.#signIn = options;
          this.#connection = await transport.connect(options);
          return this.#connection;
        },
      },
    });
  }

  #secret(): SecretBytes {
    return SecretBytes.from(utf8Bytes(this.place.passphrase));
  }
}
