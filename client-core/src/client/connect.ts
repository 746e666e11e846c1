import { isCloisterError, parseRoomId, publicKeyBytes, type RoomId } from "@cloister/base";
import type { MemberEngine } from "@cloister/group-engine/types";
import { roomsOfAccount } from "@cloister/rules";
import type {
  Client,
  ClientEvent,
  ClientState,
  ConnectOptions,
  Room,
  RoomNotice,
} from "../client-types.ts";
import { clientErrors } from "../errors.ts";
import { createAccess } from "../gateway/access.ts";
import { createGatewayCaller } from "../gateway/call.ts";
import { chooseRooms } from "../gateway/choose-rooms.ts";
import { type Identity, readIdentity, signersOf } from "../identity/identity.ts";
import { gatewayLog } from "../log/fetch.ts";
import { createCancel } from "../runtime/cancel.ts";
import { Device, type DeviceListener } from "../runtime/device.ts";
import { type Broadcast, createBroadcast, createHub } from "../runtime/hub.ts";
import { openSealedStore, type SealedStore } from "../store/seal-store.ts";
import { enterRoom } from "./enter-room.ts";
import { createRoomFiles } from "./files.ts";
import { readInvitedNames } from "./invited-names.ts";
import { createLink, type Link } from "./link.ts";
import { openRoom } from "./open-room.ts";
import { openEngine } from "./opening-engine.ts";
import { firstLog, syncLog } from "./opening-log.ts";
import { createOrgAdmin } from "./org-admin.ts";
import { createReceipts, type Receipts } from "./receipts.ts";
import type { ClientSession } from "./session.ts";
import { statusOf } from "./wait-reason.ts";

/**
 * Opens the client of the identity that the store holds, and connects it. Throws what hinders the
 * first connection; with `online: false` it opens what is on the disk only.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const store = await openSealedStore(options);
  const identity = await readIdentity(store);
  if (identity === undefined)
    throw clientErrors.ERR_IDENTITY_MISSING("this store belongs to nobody");
  const client = await OpenClient.open(options, { store, identity });
  if (options.online === false) return client;
  try {
    await client.refresh();
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
  return client;
}

interface Opened {
  readonly store: SealedStore;
  readonly identity: Identity;
}

class OpenClient implements Client {
  readonly #session: ClientSession;
  readonly #engine: MemberEngine;
  readonly #link: Link;
  readonly #events: Broadcast<ClientEvent>;
  readonly #receipts: Receipts;
  readonly #rooms = new Map<RoomId, Room>();
  readonly org: Client["org"];
  readonly factors: Client["factors"];
  #stopped: ClientState | undefined;

  private constructor(parts: {
    readonly session: ClientSession;
    readonly engine: MemberEngine;
    readonly events: Broadcast<ClientEvent>;
    readonly receipts: Receipts;
  }) {
    const { session, events } = parts;
    this.#session = session;
    this.#engine = parts.engine;
    this.#events = events;
    this.#receipts = parts.receipts;
    this.#link = createLink(session, (state) => {
      events.send({ kind: "state", state });
      session.hub.changed();
    });
    this.org = createOrgAdmin({
      session,
      roomName: (room) => this.#nameOf(room),
      nameRoom: async (room, name) => {
        await this.refresh();
        await (await this.room(room)).setProfile({ roomName: name });
      },
    });
    this.factors = {
      enrol: async () => ({ provisioning: await session.access.enrolTotp() }),
      present: (_factor, proof) => session.access.presentTotp(proof),
    };
  }

  static async open(options: ConnectOptions, { store, identity }: Opened): Promise<OpenClient> {
    const { statement, account, nkey } = signersOf(identity, options.crypto);
    const url = options.gatewayUrl ?? identity.gatewayUrl;
    const gateway = createGatewayCaller(options, { url, caSha256: identity.caSha256 });
    const caller = { kind: "device", device: identity.deviceId, signer: statement } as const;
    const source = gatewayLog(gateway, identity.orgId, caller);
    const log = await firstLog(options, { store, identity, source });
    const engine = await openEngine(options, { store, identity });
    const hub = createHub();
    const closing = createCancel();
    const events = createBroadcast<ClientEvent>();
    const receipts = createReceipts();
    // Each needs the other: the device tells the client, whose session holds the device.
    const late: { client?: OpenClient; device?: Device } = {};
    const listener = listenerOf({ hub, events, receipts, client: () => late.client });
    const access = createAccess({
      ports: options,
      store,
      identity,
      statement,
      gateway,
      checkpoint: () => (late.device?.log ?? log).newest.signed,
      rooms: () => {
        const { device: opened } = late;
        const { state, size: at } = (opened?.log ?? log).replica;
        const all = roomsOfAccount(state, { account: identity.accountId, at });
        return chooseRooms(
          all.map(({ room }) => room),
          (room) => opened?.room(room).durable.group !== undefined,
        );
      },
    });
    const leafKey = identity.keys.leaf.expose((seed) => options.crypto.ed25519PublicKey(seed));
    const device = await Device.open({
      ports: options,
      store,
      identity,
      nkey,
      signer: statement,
      engine,
      log,
      listener,
      closing,
      grantJoin: (room, epoch) => access.grantJoin(room, epoch, leafKey),
      logSource: source,
    });
    late.device = device;
    const invited = await readInvitedNames(store);
    const session: ClientSession = {
      ports: options,
      store,
      identity,
      nkey,
      statement,
      account,
      nkeySeed: identity.keys.nkey,
      gateway,
      access,
      device,
      hub,
      closing,
      invited,
      syncLog: () => syncLog(device, source),
      refresh: async () => late.client?.refresh(),
    };
    late.client = new OpenClient({ session, engine, events, receipts });
    return late.client;
  }

  get orgId(): Client["orgId"] {
    return this.#session.identity.orgId;
  }

  get accountId(): Client["accountId"] {
    return this.#session.identity.accountId;
  }

  get deviceId(): Client["deviceId"] {
    return this.#session.identity.deviceId;
  }

  get personName(): string {
    return this.#session.identity.personName;
  }

  state(): ClientState {
    return this.#stopped ?? this.#link.state;
  }

  rooms(): ReturnType<Client["rooms"]> {
    const { device } = this.#session;
    const context = device.context();
    const { account, log } = context;
    const known = roomsOfAccount(log.state, { account, at: log.size }).map(({ room }) => room);
    const all = new Set([...known, ...device.rooms().map(({ room }) => room)]);
    return [...all].flatMap(
      (room) => statusOf(device.room(room), context, this.#session.invited.rooms) ?? [],
    );
  }

  decisions(): ReturnType<Client["decisions"]> {
    return this.#session.access.admission?.decisions ?? [];
  }

  events(): AsyncIterable<ClientEvent> {
    return this.#events.listen();
  }

  deviceLink(): ReturnType<Client["deviceLink"]> {
    const { identity, device } = this.#session;
    const { orgId, orgName, accountId, personName, gatewayUrl, caSha256 } = identity;
    return {
      orgId,
      orgName,
      accountId,
      personName,
      gatewayUrl,
      caSha256,
      checkpoint: device.log.newest.signed,
      logKey: publicKeyBytes(identity.logKey),
    };
  }

  async refresh(): Promise<void> {
    this.#session.device.check();
    await this.#link.refresh();
    await this.#session.syncLog();
  }

  async room(id: RoomId): Promise<Room> {
    const room = parseRoomId(id);
    const { device } = this.#session;
    const { phase } = device.room(room).durable;
    const isIn = phase === "active" || phase === "confirming";
    if (!isIn) await enterRoom({ session: this.#session, room, refresh: () => this.refresh() });
    const known = this.#rooms.get(room);
    if (known !== undefined) return known;
    const opened = openRoom({
      session: this.#session,
      room,
      receipts: this.#receipts,
      files: createRoomFiles(this.#session, room),
      notices: (wanted) => noticesOf(this.#events.listen(), wanted),
    });
    this.#rooms.set(room, opened);
    return opened;
  }

  #nameOf(room: RoomId): string | undefined {
    return this.#session.device.room(room).names.room ?? this.#session.invited.rooms.get(room);
  }

  /** From the device: a room has moved on. */
  onRoom(room: RoomId): void {
    const { device } = this.#session;
    const status = statusOf(device.room(room), device.context(), this.#session.invited.rooms);
    if (status !== undefined) this.#events.send({ kind: "room", status });
    this.#link.ensureInbox();
  }

  onFailure(error: unknown): void {
    const code = isCloisterError(error) ? error.code : "ERR_INTERNAL";
    const text = isCloisterError(error) ? error.message : "the client has failed";
    this.#stopped = { kind: "stopped", code, text };
    this.#receipts.fail(error);
    this.#events.send({ kind: "state", state: this.#stopped });
    this.#session.hub.changed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { closing, device, hub, identity } = this.#session;
    if (closing.signal.aborted) return;
    await device.settled();
    closing.cancel();
    await this.#link.close();
    await device.settled();
    this.#receipts.fail(clientErrors.ERR_CLIENT_CLOSED("the client was closed"));
    this.#events.close();
    hub.close();
    this.#engine[Symbol.dispose]();
    identity[Symbol.dispose]();
  }
}

async function* noticesOf(
  events: AsyncIterable<ClientEvent>,
  room: RoomId,
): AsyncIterable<RoomNotice> {
  for await (const event of events) {
    if (event.kind === "notice" && event.room === room) yield event.notice;
  }
}

interface ListenerParts {
  readonly hub: ClientSession["hub"];
  readonly events: Broadcast<ClientEvent>;
  readonly receipts: Receipts;
  readonly client: () => OpenClient | undefined;
}

function listenerOf({ hub, events, receipts, client }: ListenerParts): DeviceListener {
  return {
    changed: (room) => {
      client()?.onRoom(room);
      hub.changed();
    },
    notice: (room, notice) => events.send({ kind: "notice", room, notice }),
    stored: (_room, { ids, sequence, resent }) => {
      receipts.settle(ids, { sequence, resent });
      hub.changed();
    },
    queued: () => hub.changed(),
    logChanged: () => hub.changed(),
    drained: () => hub.changed(),
    refreshAccess: () => {
      client()
        ?.refresh()
        .catch(() => undefined);
    },
    failed: (error) => client()?.onFailure(error),
  };
}
