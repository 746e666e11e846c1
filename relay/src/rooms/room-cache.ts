import { MAX_CACHED_ROOMS } from "../limits.ts";
import type { EngineHost } from "./engine-host.ts";
import { type RoomKey, roomKeyText } from "./room-key.ts";
import { droppedTips, type RoomState, tipsOf } from "./room-state.ts";
import type { RoomStore } from "./room-store.ts";

interface CachedRoom {
  state: RoomState | undefined;
  generation: number;
  /** The last piece of work on the room: the next one waits for it. */
  busy: Promise<unknown>;
  waiting: number;
}

/** A room in hand: nobody else of this process works on it meanwhile. */
export interface HeldRoom {
  readonly key: RoomKey;
  readonly state: RoomState;
  /** Takes over what came of the work; groups that it no longer holds are freed. */
  replace(next: RoomState): void;
}

export interface RoomCacheOptions {
  readonly store: RoomStore;
  readonly engine: EngineHost;
  readonly maxRooms?: number;
}

/**
 * Public states of the rooms in use. Any number of relays may work on one room: the state is brought
 * up to date before each piece of work, and compare-and-set at the append decides.
 */
export class RoomCache implements Disposable {
  readonly #rooms = new Map<string, CachedRoom>();
  readonly #store: RoomStore;
  readonly #engine: EngineHost;
  readonly #maxRooms: number;

  constructor(options: RoomCacheOptions) {
    this.#store = options.store;
    this.#engine = options.engine;
    this.#maxRooms = options.maxRooms ?? MAX_CACHED_ROOMS;
  }

  /** Runs `work` with the newest state of the room, one piece of work after the other. */
  async use<T>(key: RoomKey, work: (room: HeldRoom) => Promise<T>): Promise<T> {
    const cached = this.#touch(key);
    cached.waiting += 1;
    const turn = cached.busy.then(() => this.#work(key, cached, work));
    cached.busy = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      cached.waiting -= 1;
      this.#evict();
    }
  }

  [Symbol.dispose](): void {
    for (const cached of this.#rooms.values()) this.#free(cached);
    this.#rooms.clear();
  }

  async #work<T>(
    key: RoomKey,
    cached: CachedRoom,
    work: (room: HeldRoom) => Promise<T>,
  ): Promise<T> {
    const state = await this.#newest(key, cached);
    return work({ key, state, replace: (next) => this.#replace(cached, next) });
  }

  async #newest(key: RoomKey, cached: CachedRoom): Promise<RoomState> {
    if (cached.generation !== this.#engine.generation) cached.state = undefined;
    cached.generation = this.#engine.generation;
    try {
      cached.state ??= await this.#store.open(key);
      cached.state = await this.#store.catchUp(key, cached.state);
      return cached.state;
    } catch (error) {
      // Some of its groups may be freed already: the next one reads the room again.
      this.#free(cached);
      throw error;
    }
  }

  #replace(cached: CachedRoom, next: RoomState): void {
    if (cached.state !== undefined) {
      for (const tip of droppedTips(cached.state, next)) tip.group[Symbol.dispose]();
    }
    cached.state = next;
  }

  /** Groups of an engine that is gone went with it. */
  #free(cached: CachedRoom): void {
    if (cached.state !== undefined && cached.generation === this.#engine.generation) {
      for (const tip of tipsOf(cached.state)) tip.group[Symbol.dispose]();
    }
    cached.state = undefined;
  }

  #touch(key: RoomKey): CachedRoom {
    const name = roomKeyText(key);
    const cached = this.#rooms.get(name) ?? {
      state: undefined,
      generation: this.#engine.generation,
      busy: Promise.resolve(),
      waiting: 0,
    };
    this.#rooms.delete(name);
    this.#rooms.set(name, cached);
    return cached;
  }

  /** Least recently used first; a room that is worked on stays. */
  #evict(): void {
    for (const [name, cached] of this.#rooms) {
      if (this.#rooms.size <= this.#maxRooms) return;
      if (cached.waiting > 0) continue;
      this.#free(cached);
      this.#rooms.delete(name);
    }
  }
}
