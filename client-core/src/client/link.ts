import { idBytes, parseRoomId, type RoomId, roomIdFromBytes } from "@cloister/base";
import type { ClientState } from "../client-types.ts";
import { MAX_INBOX_AHEAD_BYTES, RETRY_FIRST_MS, RETRY_LAST_MS } from "../limits.ts";
import type { Connection, ConnectionState, DeliveredRecord, Inbox } from "../ports.ts";
import type { ClientSession } from "./session.ts";

/** Keeps the device connected: admission, connection, inbox, and all of it again when it breaks. */
export interface Link {
  readonly state: ClientState;
  /** One try; throws what hinders it. A later loss is mended by itself. */
  connect(): Promise<void>;
  /** With what the gateway says now. */
  refresh(): Promise<void>;
  /** After the first join: before it there was nothing to read. */
  ensureInbox(): void;
  close(): Promise<void>;
}

export function createLink(session: ClientSession, onState: (state: ClientState) => void): Link {
  return new DeviceLink(session, onState);
}

class DeviceLink implements Link {
  readonly #session: ClientSession;
  readonly #onState: (state: ClientState) => void;
  #state: ClientState = { kind: "offline", reason: "not connected yet" };
  #connection: Connection | undefined;
  #inbox: Inbox | undefined;
  #rooms = "";
  #isOpening = false;
  /** Grows with each opening of the inbox: a reader of an older one ends. */
  #generation = 0;

  constructor(session: ClientSession, onState: (state: ClientState) => void) {
    this.#session = session;
    this.#onState = onState;
  }

  get state(): ClientState {
    return this.#state;
  }

  async connect(): Promise<void> {
    if (this.#connection !== undefined) return;
    const { access, ports, device, identity, nkey, nkeySeed } = this.#session;
    this.#become({ kind: "connecting" });
    try {
      const admission = await access.admit(true);
      const rooms = allowedRooms(admission.decisions);
      if (rooms.length === 0) {
        // Nothing to connect for: statements go through the gateway.
        await this.#session.syncLog();
        this.#become({ kind: "online" });
        return;
      }
      this.#rooms = rooms.join();
      this.#connection = await ports.transport.connect({
        urls: admission.natsUrls,
        caSha256: identity.caSha256,
        nkey,
        credentials: async () => ({ jwt: (await access.admit()).natsJwt }),
        signNonce: (nonce) => nkeySeed.expose((seed) => ports.crypto.ed25519Sign(seed, nonce)),
        onState: (state) => this.#onConnection(state),
      });
      await this.#goOnline(this.#connection);
    } catch (error) {
      device.goOffline();
      this.#become({ kind: "offline", reason: reasonOf(error) });
      throw error;
    }
  }

  async refresh(): Promise<void> {
    const { access } = this.#session;
    const admission = await access.admit(true);
    const rooms = allowedRooms(admission.decisions).join();
    const connection = this.#connection;
    if (connection === undefined) {
      await this.connect();
      return;
    }
    if (rooms === this.#rooms) return;
    this.#rooms = rooms;
    // The permissions are in the JWT: a new one means a new connection.
    this.#session.device.goOffline();
    await this.#closeInbox();
    await connection.reconnect();
    await this.#goOnline(connection);
  }

  ensureInbox(): void {
    const connection = this.#connection;
    const isOpen = this.#inbox !== undefined || this.#isOpening;
    if (connection === undefined || isOpen || this.#session.device.link === undefined) return;
    if (!hasJoined(this.#session)) return;
    void this.#openInbox(connection).catch(() => this.#reopen(connection, this.#generation));
  }

  async close(): Promise<void> {
    this.#generation += 1;
    await this.#closeInbox();
    await this.#connection?.[Symbol.asyncDispose]();
    this.#connection = undefined;
    this.#become({ kind: "closed" });
  }

  async #goOnline(connection: Connection): Promise<void> {
    const { device } = this.#session;
    await device.goOnline(connection);
    device.fetchLog();
    this.#become({ kind: "online" });
    await this.#openInbox(connection);
  }

  #onConnection(state: ConnectionState): void {
    const connection = this.#connection;
    if (this.#session.closing.signal.aborted || connection === undefined) return;
    if (state.kind === "connected") {
      if (this.#session.device.link !== undefined) return;
      void this.#goOnline(connection).catch((error: unknown) => this.#lose(reasonOf(error)));
      return;
    }
    this.#lose(state.reason);
    if (state.kind === "closed") {
      this.#connection = undefined;
      void this.#reconnect();
    }
  }

  #lose(reason: string): void {
    this.#session.device.goOffline();
    this.#generation += 1;
    this.#become({ kind: "offline", reason });
  }

  /** The adapter has given up: begin from the admission again. */
  async #reconnect(): Promise<void> {
    const { ports, closing } = this.#session;
    for (let delayMs = RETRY_FIRST_MS; !closing.signal.aborted; delayMs = grown(delayMs)) {
      await ports.clock.wait(delayMs, closing.signal);
      if (closing.signal.aborted || this.#connection !== undefined) return;
      try {
        await this.connect();
        return;
      } catch {
        // Said by the state; tried again.
      }
    }
  }

  async #openInbox(connection: Connection): Promise<void> {
    const { device } = this.#session;
    await this.#closeInbox();
    if (!hasJoined(this.#session)) {
      // No record here can be this device's own, and none can be opened.
      device.drained();
      return;
    }
    this.#isOpening = true;
    try {
      await this.#makeInbox(connection);
    } finally {
      this.#isOpening = false;
    }
  }

  async #makeInbox(connection: Connection): Promise<void> {
    const { access, device } = this.#session;
    const { pass, decisions } = await access.admit();
    const relay = device.link?.relay;
    if (relay === undefined) return;
    const opened = await relay.call("cloister.relay.v1.DeliveryService/OpenInbox", {
      pass,
      positions: positionsOf(this.#session, allowedRooms(decisions)),
    });
    const { stream, consumer } = opened;
    const inbox = await connection.openInbox({
      stream,
      consumer,
      maxAheadBytes: MAX_INBOX_AHEAD_BYTES,
    });
    this.#inbox = inbox;
    this.#generation += 1;
    device.attachInbox(inbox);
    void this.#read(inbox, connection, this.#generation);
  }

  async #read(inbox: Inbox, connection: Connection, generation: number): Promise<void> {
    const { device, closing } = this.#session;
    const isCurrent = (): boolean => generation === this.#generation && !closing.signal.aborted;
    while (isCurrent()) {
      const page = await inbox.next();
      if (!isCurrent()) return;
      await device.deliver(byRoom(page.records));
      if (page.isDrained) device.drained();
      if (page.isEnded) {
        await this.#reopen(connection, generation);
        return;
      }
    }
  }

  async #reopen(connection: Connection, generation: number): Promise<void> {
    const { ports, closing } = this.#session;
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = grown(delayMs)) {
      await ports.clock.wait(delayMs, closing.signal);
      if (generation !== this.#generation || closing.signal.aborted) return;
      try {
        await this.#openInbox(connection);
        return;
      } catch {
        // The relay may be restarting.
      }
    }
  }

  async #closeInbox(): Promise<void> {
    this.#generation += 1;
    const inbox = this.#inbox;
    this.#inbox = undefined;
    await inbox?.[Symbol.asyncDispose]();
  }

  #become(state: ClientState): void {
    if (this.#state.kind === "closed") return;
    this.#state = state;
    this.#onState(state);
  }
}

export function allowedRooms(
  decisions: readonly { readonly roomId: Uint8Array; readonly allowed: boolean }[],
): RoomId[] {
  return decisions
    .filter(({ allowed }) => allowed)
    .map(({ roomId }) => roomIdFromBytes(roomId))
    .sort();
}

function hasJoined({ device }: ClientSession): boolean {
  return device.rooms().some(({ durable }) => durable.position > 0n);
}

/**
 * Where each room is to be read from. What stands before one's own join can never be opened, so a
 * room that is not joined yet does not ask for its past.
 */
function positionsOf(
  { device }: ClientSession,
  rooms: readonly RoomId[],
): { readonly roomId: Uint8Array; readonly sequence: bigint }[] {
  const known = rooms.map((room) => ({ room, position: device.room(room).durable.position }));
  const highest = known.reduce((most, { position }) => (position > most ? position : most), 0n);
  return known.map(({ room, position }) => ({
    roomId: idBytes(room),
    sequence: position === 0n ? highest : position,
  }));
}

/** `room.<room>.<sender or fence>`. */
function byRoom(records: readonly DeliveredRecord[]): Map<RoomId, DeliveredRecord[]> {
  const rooms = new Map<RoomId, DeliveredRecord[]>();
  for (const record of records) {
    const name = record.subject.split(".")[1];
    if (name === undefined) continue;
    const room = parseRoomId(name);
    const list = rooms.get(room);
    if (list === undefined) rooms.set(room, [record]);
    else list.push(record);
  }
  return rooms;
}

function grown(delayMs: number): number {
  return Math.min(RETRY_LAST_MS, delayMs * 2);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : "the connection failed";
}
