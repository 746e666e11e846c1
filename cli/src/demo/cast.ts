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
import type { MemberEngine } from "@cloister/group-engine/types";
import type { UserNkey } from "@cloister/proto";

/** A person of the demo: one profile on disk, opened and closed as a real one is. */
export class Player {
  readonly name: string;
  readonly folder: string;
  readonly #passphrase: string;
  #profile: OpenProfile | undefined;
  #client: Client | undefined;
  #connection: Connection | undefined;
  #nkey: UserNkey | undefined;

  /** `home` is what `CLOISTER_HOME` would name. */
  constructor(name: string, home: string) {
    this.name = name;
    this.folder = join(home, "profiles", name.toLowerCase());
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

  get nkey(): UserNkey {
    if (this.#nkey === undefined) throw new Error(`${this.name} has never been online`);
    return this.#nkey;
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

  /** The group engine with all that this person's disk holds, without a connection. */
  async openEngine(): Promise<MemberEngine> {
    const ports = await this.openPorts();
    const opened = Promise.withResolvers<MemberEngine>();
    this.#client = await connect({
      ...ports,
      online: false,
      engine: async (options) => {
        const engine = await ports.engine(options);
        opened.resolve(engine);
        return engine;
      },
    });
    return await opened.promise;
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
        this.#nkey = options.nkey;
        this.#connection = await transport.connect(options);
        return this.#connection;
      },
    };
  }

  #secret(): SecretBytes {
    return SecretBytes.from(utf8Bytes(this.#passphrase));
  }
}
