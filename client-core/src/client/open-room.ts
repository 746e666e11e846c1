import {
  errorFromReport,
  idBytes,
  MAX_TEXT_BYTES,
  type MessageId,
  messageIdFromBytes,
  newMessageId,
  type RoomId,
} from "@cloister/base";
import { roomsV1 } from "@cloister/proto";
import { devicesOf, membersOf, roomScope } from "@cloister/rules";
import type {
  FileInfo,
  MessageState,
  Room,
  RoomMember,
  RoomNotice,
  RoomStatus,
  SentMessage,
} from "../client-types.ts";
import { clientErrors } from "../errors.ts";
import { encodeItems, splitItems, utf8Length } from "../outbox/batch.ts";
import { profileBody } from "../room/confirming.ts";
import { leafIdentity } from "../room/context.ts";
import type { RoomState } from "../room/state.ts";
import { prepareJoin } from "../runtime/relay-calls.ts";
import type { RoomFiles } from "./files.ts";
import { readMessages } from "./messages.ts";
import { personName } from "./person-name.ts";
import type { Receipts } from "./receipts.ts";
import type { ClientSession } from "./session.ts";
import { statusOf, waitReason } from "./wait-reason.ts";

export interface RoomParts {
  readonly session: ClientSession;
  readonly room: RoomId;
  readonly receipts: Receipts;
  readonly files: RoomFiles;
  notices(room: RoomId): AsyncIterable<RoomNotice>;
}

export function openRoom(parts: RoomParts): Room {
  return new OpenRoom(parts);
}

type ItemBody = NonNullable<roomsV1.Item["body"]>;

interface Gathered {
  readonly texts: string[];
  readonly sent: Promise<readonly SentMessage[]>;
}

class OpenRoom implements Room {
  readonly #parts: RoomParts;
  /** Texts of one turn of the event loop go into one transaction. */
  #gathered: Gathered | undefined;

  constructor(parts: RoomParts) {
    this.#parts = parts;
  }

  get id(): RoomId {
    return this.#parts.room;
  }

  get #state(): RoomState {
    return this.#parts.session.device.room(this.id);
  }

  status(): RoomStatus {
    const { session } = this.#parts;
    const status = statusOf(this.#state, session.device.context(), session.invited.rooms);
    if (status === undefined) throw clientErrors.ERR_ROOM_UNKNOWN("the log knows no such room");
    return status;
  }

  members(): readonly RoomMember[] {
    const { device } = this.#parts.session;
    const { log } = device.context();
    const at = log.size;
    const joined = new Set(this.#state.roster.map((leaf) => leafIdentity(leaf)?.device));
    return membersOf(log.state, { scope: roomScope(this.id), at }).map(({ account, role }) => {
      const devices = devicesOf(log.state, { account, at })
        .filter(({ status }) => status === "live")
        .map(({ certificate }) => certificate.device);
      return {
        account,
        role,
        devices,
        name: personName(this.#parts.session, account),
        joinedDevices: devices.filter((id) => joined.has(id)),
      };
    });
  }

  async send(text: string): Promise<SentMessage> {
    checkText(text);
    const gathered = this.#gathered ?? this.#gather();
    const index = gathered.texts.push(text) - 1;
    const sent = (await gathered.sent)[index];
    if (sent === undefined) throw clientErrors.ERR_CLIENT_CLOSED("the client was closed");
    return sent;
  }

  #gather(): Gathered {
    const texts: string[] = [];
    const sent = Promise.resolve().then(() => {
      this.#gathered = undefined;
      return this.sendMany(texts);
    });
    this.#gathered = { texts, sent };
    return this.#gathered;
  }

  sendMany(texts: readonly string[]): Promise<readonly SentMessage[]> {
    for (const text of texts) checkText(text);
    return this.#say(texts.map((text) => ({ $case: "text", value: text })));
  }

  /** Sealed on the disk when it answers. */
  async #say(bodies: readonly ItemBody[]): Promise<readonly SentMessage[]> {
    const { session, receipts } = this.#parts;
    const { phase } = this.#state.durable;
    if (phase === "removed")
      throw clientErrors.ERR_ROOM_REMOVED("this device is no longer in the room");
    const { random, clock } = session.ports;
    const sentMs = BigInt(clock.now());
    const items = bodies.map(
      (body): roomsV1.Item => ({
        messageId: idBytes(newMessageId(random)),
        sentMs,
        body,
      }),
    );
    const rows = splitItems(items).map((row) => ({
      items: encodeItems(row),
      ids: row.map(({ messageId }) => messageIdFromBytes(messageId)),
    }));
    const sent = rows.flatMap(({ ids }) => ids.map((id) => receipts.expect(id)));
    const profile = bodies.find((body) => body.$case === "profile")?.value;
    const file = bodies.find((body) => body.$case === "file")?.value;
    session.device.post(this.id, { kind: "send", rows, profile, file });
    await session.device.settled();
    session.device.check();
    return sent;
  }

  messageState(id: MessageId): MessageState | undefined {
    const { session, receipts } = this.#parts;
    const stored = receipts.stored(id);
    if (stored !== undefined) return { kind: "stored", ...stored };
    const state = this.#state;
    const rows = [...state.flights.flatMap((flight) => flight.rows), ...state.queue];
    if (!rows.some(({ ids }) => ids.includes(id))) return undefined;
    const reason = waitReason(state, session.device.context());
    return reason === undefined ? { kind: "queued" } : { kind: "waiting", reason };
  }

  messages(options: Parameters<Room["messages"]>[0] = {}): ReturnType<Room["messages"]> {
    const { session } = this.#parts;
    return readMessages(session, this.id, { ...options, caughtUp: () => this.caughtUp() });
  }

  notices(): AsyncIterable<RoomNotice> {
    return this.#parts.notices(this.id);
  }

  flushed(): Promise<void> {
    return this.#until(
      ({ queue, flights, durable }) =>
        queue.length === 0 && flights.length === 0 && durable.confirmDue === undefined,
    );
  }

  async caughtUp(): Promise<void> {
    const { device } = this.#parts.session;
    await device.settled();
    await this.#until(
      ({ backlog, work, durable }) =>
        // Nothing more comes to whoever is out.
        durable.phase === "removed" ||
        (device.isDrained &&
          backlog.length === 0 &&
          work.kind === "idle" &&
          // What this device has stored itself has still to come by the inbox.
          durable.ownAhead.length === 0),
    );
  }

  async #until(isDone: (state: RoomState) => boolean): Promise<void> {
    const { hub, closing, device } = this.#parts.session;
    for (;;) {
      const seen = hub.version;
      device.check();
      const state = this.#state;
      if (isDone(state)) return;
      if (closing.signal.aborted) throw clientErrors.ERR_CLIENT_CLOSED("the client was closed");
      if (state.durable.phase === "stopped") throw stoppedError(state);
      if (state.durable.phase === "removed") {
        throw clientErrors.ERR_ROOM_REMOVED("this device is no longer in the room");
      }
      await hub.after(seen);
    }
  }

  async sendFile(
    source: Parameters<Room["sendFile"]>[0],
    options: Parameters<Room["sendFile"]>[1] = {},
  ): ReturnType<Room["sendFile"]> {
    const manifest = await this.#parts.files.upload(source, options);
    const [sent] = await this.#say([{ $case: "file", value: manifest.message }]);
    if (sent === undefined) throw clientErrors.ERR_CLIENT_CLOSED("the client was closed");
    await this.#parts.files.sent(manifest.info.id);
    return { ...sent, file: manifest.info };
  }

  files(): Promise<readonly FileInfo[]> {
    return this.#parts.files.list();
  }

  getFile(...call: Parameters<Room["getFile"]>): Promise<FileInfo> {
    const [file, sink, options = {}] = call;
    return this.#parts.files.download({ file, sink, options });
  }

  readFile(...[file, offset, lengthBytes]: Parameters<Room["readFile"]>): Promise<Uint8Array> {
    return this.#parts.files.read({ file, offset, lengthBytes });
  }

  async setProfile(profile: Parameters<Room["setProfile"]>[0]): Promise<void> {
    await this.#say([profileBody(profile)]);
  }

  async renewKeys(): Promise<void> {
    const { device } = this.#parts.session;
    const before = this.#state.durable.group?.epoch ?? 0n;
    device.post(this.id, { kind: "renew" });
    await this.#until(({ durable }) => (durable.group?.epoch ?? 0n) > before);
  }

  async roomKey(): ReturnType<Room["roomKey"]> {
    const { device, access, identity, ports } = this.#parts.session;
    const relay = device.link?.relay;
    if (relay === undefined) throw clientErrors.ERR_OFFLINE("not connected");
    const leafKey = identity.keys.leaf.expose((seed) => ports.crypto.ed25519PublicKey(seed));
    const answer = await prepareJoin(relay, this.id, (room, epoch) =>
      access.grantJoin(room, epoch, leafKey),
    );
    if (answer.kind === "join-prepared") {
      const { epoch, groupInfo, ratchetTree } = answer.key;
      return { epoch, groupInfo, ratchetTree };
    }
    if (answer.kind === "join-refused") throw errorFromReport(answer.report);
    throw clientErrors.ERR_NOT_ADMITTED("the room has no group yet");
  }
}

function checkText(text: string): void {
  const lengthBytes = utf8Length(text);
  if (lengthBytes > MAX_TEXT_BYTES) {
    throw clientErrors.ERR_TEXT_TOO_LONG(
      `a text of ${lengthBytes} bytes; at most ${MAX_TEXT_BYTES} are sent`,
      { details: { lengthBytes, limitBytes: MAX_TEXT_BYTES } },
    );
  }
}

export function stoppedError(state: RoomState): Error {
  const { stopped } = state.durable;
  return clientErrors.ERR_ROOM_STOPPED(stopped?.text ?? "the room has stopped", {
    details: { reason: stopped?.code ?? "unknown" },
  });
}
