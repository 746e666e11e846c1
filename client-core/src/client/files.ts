import { type FileId, fileIdFromBytes, idBytes, type RoomId } from "@cloister/base";
import { nkeyBytes, roomsV1 } from "@cloister/proto";
import type { FileInfo, Room, TransferOptions } from "../client-types.ts";
import { clientErrors } from "../errors.ts";
import { CHUNK_PLAIN_BYTES } from "../files/layout.ts";
import { RemoteFile, runDownload } from "../files/run-download.ts";
import { runUpload, type UploadPlace } from "../files/run-upload.ts";
import type { FileSink, FileSource } from "../ports.ts";
import { parseStored } from "../store/frame.ts";
import { storeKeys } from "../store/keys.ts";
import { fileInfo } from "./messages.ts";
import type { ClientSession } from "./session.ts";

export interface RoomFiles {
  upload(
    source: FileSource,
    options: TransferOptions,
  ): Promise<{ readonly message: roomsV1.FileManifest; readonly info: FileInfo }>;
  /** Its manifest is in the outbox: nothing of the upload is to be resumed any more. */
  sent(file: FileId): Promise<void>;
  list(): Promise<readonly FileInfo[]>;
  download(request: {
    readonly file: FileId;
    readonly sink: FileSink;
    readonly options: TransferOptions;
  }): Promise<FileInfo>;
  read(request: {
    readonly file: FileId;
    readonly offset: number;
    readonly lengthBytes: number;
  }): ReturnType<Room["readFile"]>;
}

const MAX_READ_BYTES = 16 * 1024 * 1024;

export function createRoomFiles(session: ClientSession, room: RoomId): RoomFiles {
  const place = placeOf(session, room);
  return {
    async upload(source, options) {
      checkName(source.name);
      const { note, sha256 } = await runUpload(place, source, options);
      const message: roomsV1.FileManifest = {
        fileId: idBytes(note.file),
        key: note.key,
        sha256,
        lengthBytes: BigInt(note.lengthBytes),
        name: note.name,
        mediaType: note.mediaType,
        senderNkey: nkeyBytes(session.nkey),
      };
      return { message, info: fileInfo(message) };
    },
    sent: (file) =>
      session.store.transaction({ puts: [], deletes: [storeKeys.upload(room, file)] }),
    async list() {
      const manifests = await manifestsOf(session, room);
      return manifests.map(fileInfo);
    },
    async download({ file, sink, options }) {
      const manifest = await findManifest(session, room, file);
      await runDownload(place, manifest, { sink, options });
      return fileInfo(manifest);
    },
    async read({ file, offset, lengthBytes }) {
      const remote = new RemoteFile(place, await findManifest(session, room, file));
      return readRange(remote, offset, lengthBytes);
    },
  };
}

function placeOf(session: ClientSession, room: RoomId): UploadPlace {
  const { ports, store, identity, nkey, device } = session;
  return {
    ports,
    store,
    room,
    nkey,
    org: identity.orgId,
    connection: () => device.link?.connection,
  };
}

/** A name, not a path: what a receiver saves must not leave his folder. */
function checkName(name: string): void {
  const isName =
    name.length > 0 &&
    name.length <= 255 &&
    !/[/\\\p{C}]/u.test(name) &&
    name !== "." &&
    name !== "..";
  if (!isName) throw clientErrors.ERR_FILE_NAME("not a name for a file");
}

/** The first manifest of each file id. */
async function manifestsOf(session: ClientSession, room: RoomId): Promise<roomsV1.FileManifest[]> {
  const manifests = new Map<FileId, roomsV1.FileManifest>();
  let after: string | undefined;
  for (;;) {
    const rows = await session.store.list({ prefix: storeKeys.files(room), after, limit: 64 });
    for (const { value } of rows) {
      const manifest = manifestOf(value);
      const file = fileIdFromBytes(manifest.fileId);
      if (!manifests.has(file)) manifests.set(file, manifest);
    }
    after = rows.at(-1)?.key;
    if (rows.length < 64) return [...manifests.values()];
  }
}

async function findManifest(
  session: ClientSession,
  room: RoomId,
  file: FileId,
): Promise<roomsV1.FileManifest> {
  const prefix = storeKeys.filesNamed(room, file);
  const [first] = await session.store.list({ prefix, after: undefined, limit: 1 });
  if (first === undefined) throw clientErrors.ERR_FILE_UNKNOWN("the room knows no such file");
  return manifestOf(first.value);
}

function manifestOf(stored: Uint8Array): roomsV1.FileManifest {
  return roomsV1.FileManifest.decode(parseStored(stored).body);
}

async function readRange(
  remote: RemoteFile,
  offset: number,
  lengthBytes: number,
): Promise<Uint8Array> {
  if (offset < 0 || lengthBytes < 0 || lengthBytes > MAX_READ_BYTES) {
    throw clientErrors.ERR_FILE_TOO_LARGE(`at most ${MAX_READ_BYTES} bytes are read at once`);
  }
  const end = Math.min(remote.lengthBytes, offset + lengthBytes);
  const out = new Uint8Array(Math.max(0, end - offset));
  for (let at = offset; at < end; ) {
    const chunk = Math.floor(at / CHUNK_PLAIN_BYTES);
    const payload = await remote.fetch(chunk);
    if (payload === undefined)
      throw clientErrors.ERR_FILE_MISSING(`the server lacks chunk ${chunk}`);
    const data = await remote.open(chunk, payload);
    const from = at - chunk * CHUNK_PLAIN_BYTES;
    const part = data.subarray(from, Math.min(data.length, from + end - at));
    out.set(part, at - offset);
    at += part.length;
  }
  return out;
}
