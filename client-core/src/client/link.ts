import { idBytes, parseRoomId, type RoomId, roomIdFromBytes } from "@cloister/base";
import type { ClientState } from "../client-types.ts";
import { clientErrors } from "../errors.ts";
import {
  LINK_STEP_TIMEOUT_MS,
  MAX_INBOX_AHEAD_BYTES,
  RETRY_FIRST_MS,
  RETRY_LAST_MS,
} from "../limits.ts";
import type { Connection, ConnectionState, DeliveredRecord, Inbox } from "../ports.ts";
import { createCancel } from "../runtime/cancel.ts";
import type { ClientSession } from "./session.ts";

/** Keeps the device connected: admission, connection, inbox, and all of it again when it breaks. */
export interface Link {
  readonly state: ClientState;
  /** One try; throws what hinders it. Who has been online is brought back by itself. */
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
  /** The adapter says that the connection is up. */
  #isUp = false;
  #inbox: Inbox | undefined;
  #rooms = "";
  /** One change of the connection or the inbox at a time: two would open two inboxes on one consumer. */
  #lane: Promise<unknown> = Promise.resolve();
  /** A turn that opens what is missing is under way or due. */
  #isMending = false;
  /** Tries from the admission on are under way. */
  #isReconnecting = false;
  #wasOnline = false;
  /** Grows with each opening and closing of the inbox: a reader of an older one ends. */
  #generation = 0;

  constructor(session: ClientSession, onState: (state: ClientState) => void) {
    this.#session = session;
    this.#onState = onState;
  }

  get state(): ClientState {
    return this.#state;
  }

  connect(): Promise<void> {
    return this.#inTurn(() => this.#connect());
  }

  refresh(): Promise<void> {
    return this.#inTurn(() => this.#refresh());
  }

  ensureInbox(): void {
    if (this.#inbox !== undefined || this.#session.device.link === undefined) return;
    if (hasJoined(this.#session)) this.#mend(0);
  }

  async close(): Promise<void> {
    await this.#closeInbox();
    await this.#connection?.[Symbol.asyncDispose]();
    this.#connection = undefined;
    this.#become({ kind: "closed" });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#lane.then(act);
    this.#lane = turn.catch(() => undefined);
    return turn;
  }

  async #connect(): Promise<void> {
    if (this.#connection !== undefined) return;
    const { access, device } = this.#session;
    try {
      const { decisions, natsUrls } = await this.#step("the gateway's admission", () =>
        access.admit(true),
      );
      const rooms = allowedRooms(decisions);
      if (rooms.length === 0) {
        // Nothing to connect for: statements go through the gateway.
        await this.#step("the log", () => this.#session.syncLog());
        this.#becomeOnline();
        return;
      }
      const connection = await this.#step("the relay", () => this.#dial(natsUrls), dispose);
      this.#connection = connection;
      this.#isUp = true;
      this.#rooms = rooms.join();
      await this.#step("the inbox", () => this.#goOnline(connection));
    } catch (error) {
      device.goOffline();
      const connection = this.#connection;
      this.#connection = undefined;
      this.#become({ kind: "offline", reason: reasonOf(error) });
      // A server that is gone takes no leave, and nobody waits for it.
      if (connection !== undefined) dispose(connection);
      if (this.#wasOnline) void this.#reconnect();
      throw error;
    }
  }

  /** One step on the way to being online, said by the state; whatever it waits for, it ends. */
  #step<T>(waitsFor: string, act: () => Promise<T>, late?: (value: T) => void): Promise<T> {
    this.#become({ kind: "connecting", waitsFor });
    return this.#bounded(waitsFor, act(), late);
  }

  async #bounded<T>(what: string, promise: Promise<T>, late?: (value: T) => void): Promise<T> {
    const { ports } = this.#session;
    const ended = createCancel();
    let isLate = false;
    const patience = ports.clock.wait(LINK_STEP_TIMEOUT_MS, ended.signal).then((): T => {
      isLate = !ended.signal.aborted;
      throw clientErrors.ERR_CONNECT_TIMEOUT(`${what} did not answer in time`);
    });
    promise.then(
      (value) => (isLate ? late?.(value) : undefined),
      () => undefined,
    );
    try {
      return await Promise.race([promise, patience]);
    } finally {
      ended.cancel();
    }
  }

  #dial(urls: readonly string[]): Promise<Connection> {
    const { access, ports, identity, nkey, nkeySeed } = this.#session;
    return ports.transport.connect({
      urls,
      caSha256: identity.caSha256,
      nkey,
      credentials: async () => ({ jwt: (await access.admit()).natsJwt }),
      signNonce: (nonce) => nkeySeed.expose((seed) => ports.crypto.ed25519Sign(seed, nonce)),
      onState: (state) => this.#onConnection(state),
    });
  }

  async #refresh(): Promise<void> {
    const { access, device } = this.#session;
    if (this.#connection === undefined) {
      await this.#connect();
      return;
    }
    const admission = await this.#bounded("the gateway's admission", access.admit(true));
    const rooms = allowedRooms(admission.decisions).join();
    const connection = this.#connection;
    if (connection === undefined) {
      await this.#connect();
      return;
    }
    if (rooms === this.#rooms) return;
    // The permissions are in the JWT: a new one means a new connection.
    device.goOffline();
    await this.#closeInbox();
    try {
      await this.#step(
        "the relay",
        () => connection.reconnect(),
        () => this.#onConnection({ kind: "connected" }),
      );
    } catch (error) {
      if (this.#connection === connection) {
        // It goes on trying by itself, and says when it is back.
        this.#isUp = false;
        this.#become({ kind: "offline", reason: reasonOf(error) });
        throw error;
      }
    }
    // Refused for good meanwhile: what is left of it must not be taken for a connection.
    if (this.#connection !== connection) {
      await this.#connect();
      return;
    }
    this.#isUp = true;
    this.#rooms = rooms;
    try {
      await this.#step("the inbox", () => this.#goOnline(connection));
    } catch (error) {
      this.#mend(RETRY_FIRST_MS);
      throw error;
    }
  }

  async #goOnline(connection: Connection): Promise<void> {
    const { device } = this.#session;
    // One that has ended is no link, whatever else is up by now.
    if (device.link !== undefined && device.link.connection !== connection) device.goOffline();
    if (device.link === undefined) {
      await device.goOnline(connection);
      device.fetchLog();
    }
    if (device.link !== undefined) this.#becomeOnline();
    if (this.#inbox === undefined) await this.#openInbox(connection);
  }

  #becomeOnline(): void {
    this.#wasOnline = true;
    if (this.#state.kind !== "online") this.#become({ kind: "online" });
  }

  #onConnection(state: ConnectionState): void {
    if (this.#session.closing.signal.aborted || this.#connection === undefined) return;
    this.#isUp = state.kind === "connected";
    if (state.kind === "connected") {
      this.#mend(0);
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
    void this.#closeInbox().catch(() => undefined);
    this.#become({ kind: "offline", reason });
  }

  /** Brings up what is missing on a connection that is up; tries again for as long as it is. */
  #mend(delayMs: number): void {
    if (this.#isMending) return;
    this.#isMending = true;
    void this.#mendAfter(delayMs);
  }

  async #mendAfter(firstDelayMs: number): Promise<void> {
    const { ports, closing } = this.#session;
    for (let delayMs = firstDelayMs; ; delayMs = grown(delayMs)) {
      if (delayMs > 0) await ports.clock.wait(delayMs, closing.signal);
      const isDone = await this.#inTurn(() => this.#tryMend());
      if (isDone) return;
    }
  }

  /** In one piece with the flag, so that nothing that breaks meanwhile is overlooked. */
  async #tryMend(): Promise<boolean> {
    const connection = this.#connection;
    const isWanted = connection !== undefined && this.#isUp;
    if (!isWanted || this.#session.closing.signal.aborted) {
      this.#isMending = false;
      return true;
    }
    try {
      await this.#bounded("the inbox", this.#goOnline(connection));
    } catch {
      // The relay may be restarting, or the connection is down again.
      return false;
    }
    // It may have ended again already: its reader leaves that to whoever mends.
    this.#isMending = this.#inbox === undefined && hasJoined(this.#session);
    return !this.#isMending;
  }

  /** The adapter has given up: begin from the admission again. */
  async #reconnect(): Promise<void> {
    if (this.#isReconnecting) return;
    this.#isReconnecting = true;
    const { ports, closing } = this.#session;
    for (let delayMs = RETRY_FIRST_MS; !closing.signal.aborted; delayMs = grown(delayMs)) {
      await ports.clock.wait(delayMs, closing.signal);
      if (closing.signal.aborted || this.#state.kind === "online") break;
      try {
        await this.connect();
        break;
      } catch {
        // Said by the state; tried again.
      }
    }
    this.#isReconnecting = false;
  }

  async #openInbox(connection: Connection): Promise<void> {
    const { access, device } = this.#session;
    if (!hasJoined(this.#session)) {
      // No record here can be this device's own, and none can be opened.
      device.drained();
      return;
    }
    const { pass, decisions } = await access.admit();
    const relay = device.link?.relay;
    if (relay === undefined) throw clientErrors.ERR_OFFLINE("the connection was lost");
    const positions = positionsOf(this.#session, allowedRooms(decisions));
    const { stream, consumer, lastSequence } = await relay.call(
      "cloister.relay.v1.DeliveryService/OpenInbox",
      { pass, positions },
    );
    if (positions.some(({ sequence }) => sequence > lastSequence)) throw this.#wentBack();
    const maxAheadBytes = MAX_INBOX_AHEAD_BYTES;
    const inbox = await connection.openInbox({ stream, consumer, maxAheadBytes });
    if (device.link?.relay !== relay) {
      // Lost meanwhile: what it fetched belongs to the next one.
      await inbox[Symbol.asyncDispose]();
      throw clientErrors.ERR_OFFLINE("the connection was lost");
    }
    this.#inbox = inbox;
    this.#generation += 1;
    device.attachInbox(inbox);
    void this.#read(inbox, this.#generation);
  }

  /** New records would stand where old ones were read, and be skipped as known (rule 13). */
  #wentBack(): Error {
    const error = clientErrors.ERR_VERIFICATION_ROOMS_ROLLBACK(
      "the server holds less of the rooms than was read from it before",
    );
    this.#lose(error.message);
    return error;
  }

  async #read(inbox: Inbox, generation: number): Promise<void> {
    const { device, closing } = this.#session;
    const isCurrent = (): boolean => generation === this.#generation && !closing.signal.aborted;
    while (isCurrent()) {
      const page = await inbox.next();
      if (!isCurrent()) return;
      await device.deliver(byRoom(page.records));
      if (!isCurrent()) return;
      if (page.isDrained) device.drained();
      if (page.isEnded) {
        await this.#closeInbox();
        this.#mend(RETRY_FIRST_MS);
        return;
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
  return Math.min(RETRY_LAST_MS, Math.max(RETRY_FIRST_MS, delayMs * 2));
}

function dispose(connection: Connection): void {
  void connection[Symbol.asyncDispose]().then(undefined, () => undefined);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : "the connection failed";
}
