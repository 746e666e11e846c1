import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { SecretBytes, utf8Bytes } from "@cloister/base";
import {
  type Client,
  type ClientPorts,
  type Connection,
  type ConnectionOptions,
  connect,
} from "@cloister/client-core";
import { createProfile, type OpenProfile, openProfile, profileAt } from "@cloister/client-node";

/** A person of the demo: one profile on disk, opened and closed as a real one is. */
export class Player {
  readonly name: string;
  readonly folder: string;
  readonly #passphrase: string;
  #profile: OpenProfile | undefined;
  #client: Client | undefined;
  #connection: Connection | undefined;

  constructor(name: string, profilesFolder: string) {
    this.name = name;
    this.folder = join(profilesFolder, name.toLowerCase());
    this.#passphrase = randomBytes(24).toString("base64url");
  }

  /** Shown with KEEP=1, so that the person can be played on by hand. */
  get passphrase(): string {
    return this.#passphrase;
  }

  get client(): Client {
    if (this.#client === undefined) throw new Error(`${this.name} is not online`);
    return this.#client;
  }

  /** The person's own connection to NATS, to be misused by scenes that show what is refused. */
  get connection(): Connection {
    if (this.#connection === undefined) throw new Error(`${this.name} has no connection`);
    return this.#connection;
  }

  async createProfile(): Promise<ClientPorts> {
    using passphrase = this.#secret();
    this.#profile = await createProfile(profileAt(this.folder), passphrase);
    return this.#profile.ports;
  }

  /** Opens the profile if it is closed, and connects. */
  async goOnline(): Promise<Client> {
    const ports = await this.openPorts();
    this.#client = await connect({ ...ports, transport: this.#watched(ports) });
    return this.#client;
  }

  async openPorts(): Promise<ClientPorts> {
    using passphrase = this.#secret();
    this.#profile ??= await openProfile(profileAt(this.folder), passphrase);
    return this.#profile.ports;
  }

  async goOffline(): Promise<void> {
    await this.#client?.[Symbol.asyncDispose]();
    await this.#profile?.[Symbol.asyncDispose]();
    this.#client = undefined;
    this.#profile = undefined;
    this.#connection = undefined;
  }

  #watched({ transport }: ClientPorts): ClientPorts["transport"] {
    return {
      connect: async (options: ConnectionOptions) => {
        this.#connection = await transport.connect(options);
        return this.#connection;
      },
    };
  }

  #secret(): SecretBytes {
    return SecretBytes.from(utf8Bytes(this.#passphrase));
  }
}
