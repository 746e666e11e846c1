import { join } from "node:path";
import type { ProjectId, RoomId } from "@cloister/base";
import { setup } from "@cloister/client-core";
import { parseClaim } from "@cloister/deploy";
import type { SystemBox } from "./system-box.ts";
import { SystemDevice } from "./system-device.ts";

const dayMs = 86_400_000;

/** An org on a real box with an owner who is online, and whoever the test invites. */
export class SystemOrg implements AsyncDisposable {
  readonly #box: SystemBox;
  readonly #devices: SystemDevice[] = [];
  readonly owner: SystemDevice;
  readonly project: ProjectId;

  private constructor(box: SystemBox, owner: SystemDevice, project: ProjectId) {
    this.#box = box;
    this.owner = owner;
    this.project = project;
    this.#devices.push(owner);
  }

  static async found(box: SystemBox): Promise<SystemOrg> {
    const owner = SystemDevice.at("Alice", join(box.folder, "Alice"));
    const { gatewayUrl, caSha256, secret } = parseClaim(box.claim);
    await setup.createOrg(await owner.create(), {
      gatewayUrl,
      caSha256,
      claimSecret: secret,
      orgName: "System",
      personName: owner.name,
    });
    const client = await owner.open();
    return new SystemOrg(box, owner, await client.org.createProject("Tests"));
  }

  /** A room with its owner in it. */
  createRoom(name: string): Promise<RoomId> {
    return this.owner.client.org.createRoom({ project: this.project, name });
  }

  /** Somebody new, registered, open, and a member of these rooms by the log; in none yet. */
  async invite(name: string, rooms: readonly RoomId[]): Promise<SystemDevice> {
    const { text: invitation } = await this.owner.client.org.invite({
      grants: [
        { scope: { kind: "org" }, role: "user" },
        ...rooms.map((room) => ({ scope: { kind: "room", room } as const, role: "user" as const })),
      ],
      expiresInMs: dayMs,
    });
    const device = this.deviceAt(name);
    await setup.acceptInvitation(await device.create(), { invitation, personName: name });
    await device.open();
    return device;
  }

  /** A further device of somebody's account, certified by his first. */
  async addDevice(first: SystemDevice, name: string): Promise<SystemDevice> {
    const device = this.deviceAt(name);
    const link = first.client.deviceLink();
    const { certificate } = await setup.prepareDevice(await device.create(), link);
    await first.client.org.certifyDevice(certificate);
    await device.open();
    return device;
  }

  /** A place for a device; what lies there is closed with the org. */
  deviceAt(name: string): SystemDevice {
    const device = SystemDevice.at(name, join(this.#box.folder, name));
    this.keep(device);
    return device;
  }

  keep(device: SystemDevice): void {
    this.#devices.push(device);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const device of this.#devices) await device.close();
  }
}

/** In the room on both sides: each has read the other. */
export async function meet(room: RoomId, devices: readonly SystemDevice[]): Promise<void> {
  for (const device of devices) {
    await (await (await device.client.room(room)).send(`${device.name} is here`)).stored;
  }
  for (const device of devices) await (await device.client.room(room)).caughtUp();
}
