import { jetstream } from "@nats-io/jetstream";
import { serveSide, timed } from "../harness/side.ts";
import { connectPlain, type PlainUser } from "../servers/plain-user.ts";
import { CHUNK_BYTES, type FileJob, piecesOf, writeFile } from "./file-job.ts";

export interface RawChunksSetup extends FileJob {
  readonly user: PlainUser;
  readonly direction: "send" | "get";
  readonly stream: string;
  /** Chunk n of round r stands on `<subject>.<r>.<n>`. */
  readonly subject: string;
}

const windowChunks = 16;

/** The least that moving a file over JetStream takes: no encryption, no hash, no manifest. */
serveSide<RawChunksSetup>(async ({ user, direction, stream, subject, path, bytes }) => {
  const connection = await connectPlain(user);
  const client = jetstream(connection, { timeout: 30_000 });
  const chunks = Math.ceil(bytes / CHUNK_BYTES);
  let round = 0;

  const send = async () => {
    round += 1;
    const pieces = piecesOf(path, CHUNK_BYTES);
    let next = 0;
    const lane = async () => {
      for (let piece = await pieces.next(); !piece.done; piece = await pieces.next()) {
        const at = next;
        next += 1;
        await client.publish(`${subject}.${round}.${at}`, piece.value);
      }
    };
    await Promise.all(Array.from({ length: windowChunks }, lane));
  };
  const get = () =>
    writeFile(path, async (file) => {
      let next = 0;
      const lane = async () => {
        while (next < chunks) {
          const at = next;
          next += 1;
          const direct = `$JS.API.DIRECT.GET.${stream}.${subject}.1.${at}`;
          const reply = await connection.request(direct, undefined, { timeout: 30_000 });
          if (reply.data.length === 0) throw new Error(`chunk ${at} is not there`);
          await file.write(reply.data, 0, reply.data.length, at * CHUNK_BYTES);
        }
      };
      await Promise.all(Array.from({ length: windowChunks }, lane));
    });
  return {
    run: () => timed(bytes, direction === "send" ? send : get),
    close: () => connection.close(),
  };
});
