import { parseRoomId } from "@cloister/base";
import { type Client, type ClientPorts, connect, type Room } from "@cloister/client-core";
import type { OpenProfile } from "@cloister/client-node";
import { openPerson, type Person } from "../servers/person.ts";

/** What a side of the client is told. */
export interface DeviceSetup {
  readonly person: Person;
  readonly room: string;
}

/** One profile, unlocked once, whose client comes and goes as the bench wants. */
export class Device implements AsyncDisposable {
  readonly #profile: OpenProfile;
  readonly #room: string;
  #client: Client | undefined;
  #connectedAt = Number.NaN;

  private constructor(profile: OpenProfile, room: string) {
    this.#profile = profile;
    this.#room = room;
  }

  static async open({ person, room }: DeviceSetup): Promise<Device> {
    return new Device(await openPerson(person), room);
  }

  /** Monotonic milliseconds at which the newest connection to the relay was up. */
  get connectedAt(): number {
    return this.#connectedAt;
  }

  get client(): Client {
    if (this.#client === undefined) throw new Error("the client is closed");
    return this.#client;
  }

  /** Opens the client anew; `online` false: nothing is sent or fetched before `refresh`. */
  async open(options: { readonly online: boolean }): Promise<Room> {
    await this.close();
    const { ports } = this.#profile;
    this.#client = await connect({ ...ports, transport: this.#watched(ports), ...options });
    return await this.#client.room(parseRoomId(this.#room));
  }

  async close(): Promise<void> {
    await this.#client?.[Symbol.asyncDispose]();
    this.#client = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.#profile[Symbol.asyncDispose]();
  }

  /** The peers' connections are open before their time runs: ours runs from then on, too. */
  #watched({ transport }: ClientPorts): ClientPorts["transport"] {
    return {
      connect: async (options) => {
        const connection = await transport.connect(options);
        this.#connectedAt = performance.now();
        return connection;
      },
    };
  }
}
