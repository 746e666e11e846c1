/** Tells whoever waits that something has changed; they look for themselves. Nothing is queued. */
export interface Hub {
  /** Grows with each change: compare before waiting, so that none is missed. */
  readonly version: number;
  changed(): void;
  /** Resolves once the version is another than `seen`, or at once. */
  after(seen: number): Promise<void>;
  /** Lets everybody go. */
  close(): void;
}

export function createHub(): Hub {
  let version = 0;
  let isClosed = false;
  let waiting: (() => void)[] = [];
  const release = (): void => {
    const released = waiting;
    waiting = [];
    for (const resolve of released) resolve();
  };
  return {
    get version() {
      return version;
    },
    changed() {
      version += 1;
      release();
    },
    after(seen) {
      if (isClosed || version !== seen) return Promise.resolve();
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
    close() {
      isClosed = true;
      version += 1;
      release();
    },
  };
}

/** A line of values for one reader each; what a slow reader leaves is dropped from the front. */
export interface Broadcast<T> {
  send(value: T): void;
  listen(): AsyncIterable<T>;
  close(): void;
}

const MAX_WAITING_VALUES = 1024;

export function createBroadcast<T>(): Broadcast<T> {
  const listeners = new Set<{ readonly values: T[]; readonly hub: Hub }>();
  let isClosed = false;
  return {
    send(value) {
      for (const { values, hub } of listeners) {
        values.push(value);
        if (values.length > MAX_WAITING_VALUES) values.shift();
        hub.changed();
      }
    },
    async *listen() {
      const listener = { values: [] as T[], hub: createHub() };
      listeners.add(listener);
      try {
        while (!isClosed || listener.values.length > 0) {
          const seen = listener.hub.version;
          const value = listener.values.shift();
          if (value !== undefined) yield value;
          else if (!isClosed) await listener.hub.after(seen);
        }
      } finally {
        listeners.delete(listener);
      }
    },
    close() {
      isClosed = true;
      for (const { hub } of listeners) hub.close();
    },
  };
}
