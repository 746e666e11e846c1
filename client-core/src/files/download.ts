import { FILE_WINDOW_CHUNKS, RETRY_FIRST_MS, RETRY_LAST_MS } from "../limits.ts";

/** Where a download stands: chunks come in any order and are written in theirs. */
export interface DownloadState {
  readonly chunks: number;
  /** All below are written. */
  readonly written: number;
  readonly next: number;
  readonly flying: ReadonlySet<number>;
  readonly arrived: ReadonlySet<number>;
  readonly waiting: ReadonlySet<number>;
  readonly isWriting: boolean;
  readonly isPausing: boolean;
  readonly pauseMs: number;
  readonly end: DownloadEnd | undefined;
}

export type DownloadEnd =
  | { readonly kind: "done" }
  | { readonly kind: "missing"; readonly chunk: number };

export type DownloadEvent =
  | { readonly kind: "start" }
  | { readonly kind: "arrived"; readonly chunk: number }
  | { readonly kind: "missing"; readonly chunk: number }
  /** The connection failed: asked again after a pause. */
  | { readonly kind: "failed"; readonly chunk: number }
  | { readonly kind: "written"; readonly chunk: number }
  | { readonly kind: "resumed" };

export type DownloadEffect =
  | { readonly kind: "fetch"; readonly chunk: number }
  /** Open, hash and write it; answer `written`. */
  | { readonly kind: "write"; readonly chunk: number }
  | { readonly kind: "pause"; readonly delayMs: number };

export interface DownloadStep {
  readonly state: DownloadState;
  readonly effects: readonly DownloadEffect[];
}

/** `from`: the first chunk that is not wholly kept from an earlier try. */
export function newDownload(chunks: number, from: number): DownloadState {
  return {
    chunks,
    written: from,
    next: from,
    flying: new Set(),
    arrived: new Set(),
    waiting: new Set(),
    isWriting: false,
    isPausing: false,
    pauseMs: RETRY_FIRST_MS,
    end: from >= chunks ? { kind: "done" } : undefined,
  };
}

export function reduceDownload(state: DownloadState, event: DownloadEvent): DownloadStep {
  if (state.end !== undefined) return { state, effects: [] };
  switch (event.kind) {
    case "start":
      return goOn(state);
    case "arrived": {
      const arrived = new Set([...state.arrived, event.chunk]);
      const pauseMs = RETRY_FIRST_MS;
      return goOn({ ...state, arrived, pauseMs, flying: without(state.flying, event.chunk) });
    }
    case "missing":
      return { state: { ...state, end: { kind: "missing", chunk: event.chunk } }, effects: [] };
    case "failed": {
      const waiting = new Set([...state.waiting, event.chunk]);
      return pause({ ...state, waiting, flying: without(state.flying, event.chunk) });
    }
    case "written": {
      const written = event.chunk + 1;
      const arrived = without(state.arrived, event.chunk);
      const next = { ...state, written, arrived, isWriting: false };
      return written === state.chunks
        ? { state: { ...next, end: { kind: "done" } }, effects: [] }
        : goOn(next);
    }
    case "resumed":
      return goOn({ ...state, isPausing: false });
    default:
      throw event satisfies never;
  }
}

function pause(state: DownloadState): DownloadStep {
  if (state.isPausing) return { state, effects: [] };
  const pauseMs = Math.min(RETRY_LAST_MS, state.pauseMs * 2);
  return {
    state: { ...state, isPausing: true, pauseMs },
    effects: [{ kind: "pause", delayMs: state.pauseMs }],
  };
}

function goOn(state: DownloadState): DownloadStep {
  const effects: DownloadEffect[] = [];
  const mayWrite = !state.isWriting && state.arrived.has(state.written);
  if (mayWrite) effects.push({ kind: "write", chunk: state.written });
  const isWriting = state.isWriting || mayWrite;
  if (state.isPausing) return { state: { ...state, isWriting }, effects };
  // What has arrived and is not written counts: it is in memory.
  const free = FILE_WINDOW_CHUNKS - state.flying.size - state.arrived.size;
  const again = [...state.waiting].sort((left, right) => left - right).slice(0, Math.max(0, free));
  const fresh: number[] = [];
  while (again.length + fresh.length < free && state.next + fresh.length < state.chunks) {
    fresh.push(state.next + fresh.length);
  }
  for (const chunk of [...again, ...fresh]) effects.push({ kind: "fetch", chunk });
  return {
    state: {
      ...state,
      isWriting,
      next: state.next + fresh.length,
      waiting: new Set([...state.waiting].filter((chunk) => !again.includes(chunk))),
      flying: new Set([...state.flying, ...again, ...fresh]),
    },
    effects,
  };
}

function without(set: ReadonlySet<number>, value: number): Set<number> {
  const rest = new Set(set);
  rest.delete(value);
  return rest;
}
