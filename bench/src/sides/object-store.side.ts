import { Objm } from "@nats-io/obj";
import { serveSide, timed } from "../harness/side.ts";
import { connectPlain, type PlainUser } from "../servers/plain-user.ts";
import { CHUNK_BYTES, type FileJob, piecesOf, writeFile } from "./file-job.ts";

export interface ObjectStoreSetup extends FileJob {
  readonly user: PlainUser;
  readonly direction: "send" | "get";
  readonly bucket: string;
}

const name = "file";

/** @nats-io/obj as it comes, but for chunks as large as the server takes: its default is 128 KiB. */
serveSide<ObjectStoreSetup>(async ({ user, direction, bucket, path, bytes }) => {
  const connection = await connectPlain(user);
  const store = await new Objm(connection).create(bucket);
  const send = async () => {
    const source = ReadableStream.from(piecesOf(path, CHUNK_BYTES));
    const meta = { name, options: { max_chunk_size: CHUNK_BYTES } };
    await store.put(meta, source, { timeout: 30_000 });
  };
  const get = async () => {
    const found = await store.get(name);
    if (found === null) throw new Error("the object is not there");
    await writeFile(path, async (file) => {
      const reader = found.data.getReader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        await file.write(piece.value);
      }
    });
    const error = await found.error;
    if (error instanceof Error) throw error;
  };
  return {
    run: () => timed(bytes, direction === "send" ? send : get),
    close: () => connection.close(),
  };
});
