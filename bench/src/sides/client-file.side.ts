import { rm } from "node:fs/promises";
import type { FileInfo, Room } from "@cloister/client-core";
import { DiskFileSink, DiskFileSource } from "@cloister/client-node";
import { serveSide, timed } from "../harness/side.ts";
import { Device, type DeviceSetup } from "./device.ts";
import type { FileJob } from "./file-job.ts";

export interface ClientFileSetup extends DeviceSetup, FileJob {
  readonly direction: "send" | "get";
}

/** The client with a file: encrypted, hashed, durable on the server; or fetched, verified, on disk. */
serveSide<ClientFileSetup>(async ({ direction, path, bytes, ...setup }) => {
  const device = await Device.open(setup);
  const room = await device.open({ online: true });
  await room.caughtUp();

  const send = async () => {
    await using source = await DiskFileSource.open(path);
    const sent = await room.sendFile(source);
    await sent.stored;
  };
  const get = async () => {
    const { id } = await fileOf(room, bytes);
    await using sink = await DiskFileSink.open(path, id);
    await room.getFile(id, sink);
  };
  return {
    prepare: async () => {
      if (direction === "get") await rm(path, { force: true });
    },
    run: () => timed(bytes, direction === "send" ? send : get),
    close: () => device[Symbol.asyncDispose](),
  };
});

async function fileOf(room: Room, bytes: number): Promise<FileInfo> {
  const found = (await room.files()).find(({ lengthBytes }) => lengthBytes === bytes);
  if (found === undefined) throw new Error("the file is not in the room");
  return found;
}
