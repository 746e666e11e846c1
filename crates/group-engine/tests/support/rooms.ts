import { Device, emptyBytes, utf8 } from "./engines.ts";
import type { Random } from "./random.ts";

export interface Room {
  readonly groupId: Uint8Array;
  readonly devices: readonly Device[];
}

/** A room with these devices, all by Welcome, everything on their disks. */
export function createRoom(random: Random, names: readonly string[]): Room {
  const groupId = random.bytes(32);
  const devices = names.map((name) => new Device(name, random));
  const [founder, ...others] = devices;
  if (founder === undefined) throw new Error("a room needs a founder");
  founder.engine.createGroup({ groupId, contextExtension: utf8("org/room/1") });
  if (others.length > 0) {
    const adds = others.map((device) => device.engine.keyPackage().keyPackage);
    const { welcome } = founder.engine.commit({ groupId, adds, aad: emptyBytes });
    if (welcome === undefined) throw new Error("an Add makes a Welcome");
    founder.engine.mergePending(groupId);
    const ratchetTree = founder.engine.exportTree(groupId);
    for (const device of others) device.engine.joinWelcome({ welcome, ratchetTree });
  }
  for (const device of devices) device.persist();
  return { groupId, devices };
}

/** The nth device, which the test has made. */
export function deviceAt(room: Room, index: number): Device {
  const device = room.devices[index];
  if (device === undefined) throw new Error(`no device ${index}`);
  return device;
}

/** `codeOf(() => …)`: the code of the error a call throws. */
export function codeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
  return "did not throw";
}
