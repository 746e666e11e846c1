import type { AbortSignalLike } from "../ports.ts";

/** A switch that is thrown once; works where there is no AbortController, as in the simulator. */
export interface Cancel {
  readonly signal: AbortSignalLike;
  cancel(): void;
}

export function createCancel(): Cancel {
  const listeners = new Set<() => void>();
  let aborted = false;
  return {
    signal: {
      get aborted() {
        return aborted;
      },
      addEventListener: (_type, listener) => {
        listeners.add(listener);
      },
      removeEventListener: (_type, listener) => {
        listeners.delete(listener);
      },
    },
    cancel() {
      if (aborted) return;
      aborted = true;
      const called = new Set(listeners);
      listeners.clear();
      for (const listener of called) listener();
    },
  };
}
