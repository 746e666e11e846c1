import { FILE_WINDOW_CHUNKS, RETRY_FIRST_MS, RETRY_LAST_MS } from "../limits.ts";
import type { ChunkOutcome } from "../ports.ts";

/** Chunks that are read, sealed and noted together, before the first of them leaves. */
export const UPLOAD_GROUP_CHUNKS = FILE_WINDOW_CHUNKS / 2;

/** Where an upload stands. What is prepared is noted in the store before it is sent (rule 14). */
export interface UploadState {
  readonly chunks: number;
  /** Sealed and noted: the same bytes for ever. */
  readonly prepared: number;
  /** All below are on the server. */
  readonly stored: number;
  readonly storedAhead: ReadonlySet<number>;
  readonly flying: ReadonlySet<number>;
  /** Refused or unanswered: sent again after a pause. */
  readonly waiting: ReadonlySet<number>;
  readonly isPreparing: boolean;
  readonly isPausing: boolean;
  readonly pauseMs: number;
  readonly end: UploadEnd | undefined;
}

export type UploadEnd =
  | { readonly kind: "done" }
  /** Somebody else's bytes stand at a subject of this file: a new id and key. */
  | { readonly kind: "taken" }
  | { readonly kind: "failed"; readonly code: "denied" | "refused"; readonly text: string };

export type UploadEvent =
  | { readonly kind: "start" }
  | { readonly kind: "prepared"; readonly upTo: number }
  | {
      readonly kind: "sent";
      readonly chunk: number;
      readonly outcome: ChunkOutcome | { readonly kind: "taken" };
    }
  | { readonly kind: "resumed" };

export type UploadEffect =
  /** Read, hash and seal these in order, note them, answer `prepared`. */
  | { readonly kind: "prepare"; readonly from: number; readonly to: number }
  | { readonly kind: "send"; readonly chunk: number }
  /** Bytes of the chunk are needed no more. */
  | { readonly kind: "drop"; readonly chunk: number }
  | { readonly kind: "progress"; readonly stored: number }
  | { readonly kind: "pause"; readonly delayMs: number };

export interface UploadStep {
  readonly state: UploadState;
  readonly effects: readonly UploadEffect[];
}

/** `prepared` and `stored` of an upload that was broken off, 0 for a new one. */
export function newUpload(upload: {
  readonly chunks: number;
  readonly prepared: number;
  readonly stored: number;
}): UploadState {
  return {
    ...upload,
    storedAhead: new Set(),
    flying: new Set(),
    // Noted and perhaps sent: the server says which it has.
    waiting: new Set(range(upload.stored, upload.prepared)),
    isPreparing: false,
    isPausing: false,
    pauseMs: RETRY_FIRST_MS,
    end: undefined,
  };
}

export function reduceUpload(state: UploadState, event: UploadEvent): UploadStep {
  if (state.end !== undefined) return { state, effects: [] };
  switch (event.kind) {
    case "start":
      return goOn(state);
    case "prepared": {
      const fresh = range(state.prepared, event.upTo);
      const waiting = new Set([...state.waiting, ...fresh]);
      return goOn({ ...state, prepared: event.upTo, isPreparing: false, waiting });
    }
    case "resumed":
      return goOn({ ...state, isPausing: false });
    case "sent":
      return onSent(state, event.chunk, event.outcome);
    default:
      throw event satisfies never;
  }
}

function onSent(
  state: UploadState,
  chunk: number,
  outcome: Extract<UploadEvent, { readonly kind: "sent" }>["outcome"],
): UploadStep {
  const flying = new Set([...state.flying].filter((other) => other !== chunk));
  const landed = { ...state, flying };
  switch (outcome.kind) {
    case "stored":
    case "exists":
      return settle(landed, chunk);
    case "taken":
      return { state: { ...landed, end: { kind: "taken" } }, effects: [] };
    case "stream-full":
    case "timeout":
    case "disconnected":
      return pause({ ...landed, waiting: new Set([...state.waiting, chunk]) });
    case "denied":
      return fail(landed, "denied", "the gateway does not allow this any more");
    case "refused":
      return fail(landed, "refused", outcome.text);
    default:
      throw outcome satisfies never;
  }
}

function fail(state: UploadState, code: "denied" | "refused", text: string): UploadStep {
  return { state: { ...state, end: { kind: "failed", code, text } }, effects: [] };
}

function settle(state: UploadState, chunk: number): UploadStep {
  const ahead = new Set([...state.storedAhead, chunk]);
  let { stored } = state;
  while (ahead.delete(stored)) stored += 1;
  const next = { ...state, stored, storedAhead: ahead, pauseMs: RETRY_FIRST_MS };
  const told: UploadEffect[] = [
    { kind: "drop", chunk },
    { kind: "progress", stored: stored + ahead.size },
  ];
  if (stored === state.chunks) {
    return { state: { ...next, end: { kind: "done" } }, effects: told };
  }
  const step = goOn(next);
  return { state: step.state, effects: [...told, ...step.effects] };
}

function pause(state: UploadState): UploadStep {
  if (state.isPausing) return { state, effects: [] };
  const pauseMs = Math.min(RETRY_LAST_MS, state.pauseMs * 2);
  return {
    state: { ...state, isPausing: true, pauseMs },
    effects: [{ kind: "pause", delayMs: state.pauseMs }],
  };
}

/** Fills the window, and has the next group ready before it empties. */
function goOn(state: UploadState): UploadStep {
  if (state.isPausing) return { state, effects: [] };
  const free = FILE_WINDOW_CHUNKS - state.flying.size;
  const going = [...state.waiting].sort((left, right) => left - right).slice(0, free);
  const waiting = new Set([...state.waiting].filter((chunk) => !going.includes(chunk)));
  const flying = new Set([...state.flying, ...going]);
  const effects: UploadEffect[] = going.map((chunk) => ({ kind: "send", chunk }));
  const hasRoom = flying.size + waiting.size <= FILE_WINDOW_CHUNKS - UPLOAD_GROUP_CHUNKS;
  const mayPrepare = !state.isPreparing && state.prepared < state.chunks && hasRoom;
  if (mayPrepare) {
    const to = Math.min(state.chunks, state.prepared + UPLOAD_GROUP_CHUNKS);
    effects.push({ kind: "prepare", from: state.prepared, to });
  }
  return {
    state: { ...state, waiting, flying, isPreparing: state.isPreparing || mayPrepare },
    effects,
  };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}
