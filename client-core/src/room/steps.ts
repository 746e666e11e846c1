import { RETRY_FIRST_MS, RETRY_LAST_MS } from "../limits.ts";
import type { StoreKey } from "../ports.ts";
import type { PlainRow } from "../store/seal-store.ts";
import type { RoomEffect, Step } from "./effects.ts";
import { durableRow } from "./rows.ts";
import type { Durable, RoomState } from "./state.ts";

export interface RoomStep extends Step<RoomState> {
  /** The way is free: the backlog is to be looked at before anything else. */
  readonly goesOn: boolean;
}

export function stay(state: RoomState, ...effects: RoomEffect[]): RoomStep {
  return { state, effects, goesOn: false };
}

/** Done with what the backlog waited for. */
export function goOn(step: RoomStep): RoomStep {
  return { ...step, goesOn: true };
}

/**
 * Runs `next` on what `step` left, and puts its effects behind. Not if `step` ends by asking the
 * engine: then the answer carries on, and nothing of an older state may be written after it.
 */
export function andThen(step: RoomStep, next: (state: RoomState) => RoomStep): RoomStep {
  const last = step.effects.at(-1);
  if (last !== undefined && isAsking(last)) return step;
  const { state, effects, goesOn } = next(step.state);
  return { state, effects: [...step.effects, ...effects], goesOn: goesOn || step.goesOn };
}

/** Effects that are answered at once by an event; always the last of their step. */
export function isAsking({ kind }: RoomEffect): boolean {
  return askingKinds.has(kind);
}

const askingKinds: ReadonlySet<string> = new Set<RoomEffect["kind"]>([
  "engine-open",
  "engine-seal",
  "engine-stage",
  "engine-merge-staged",
  "engine-commit",
  "engine-create",
  "engine-join",
  "engine-look",
  "sign-handshake",
]);

export function withDurable(state: RoomState, change: Partial<Durable>): RoomState {
  return { ...state, durable: { ...state.durable, ...change } };
}

/** One transaction: the room's own row, these rows, and what the engine has not written. */
export function persist(
  state: RoomState,
  puts: readonly PlainRow[] = [],
  deletes: readonly StoreKey[] = [],
): RoomEffect {
  return { kind: "persist", puts: [durableRow(state.room, state.durable), ...puts], deletes };
}

/** Tries again after a pause that grows; one pause at a time. */
export function retryLater(state: RoomState): RoomStep {
  if (state.isRetrying) return stay(state);
  const delayMs = state.retryMs;
  const retryMs = Math.min(RETRY_LAST_MS, Math.max(RETRY_FIRST_MS, delayMs * 2));
  return stay(
    { ...state, retryMs, isRetrying: true },
    { kind: "wait", delayMs: Math.max(RETRY_FIRST_MS, delayMs), tag: "retry" },
  );
}

/** The room is done for here until a person has looked at it: nothing is written or merged. */
export function stop(state: RoomState, code: string, text: string): RoomStep {
  const stopped = withDurable(
    { ...state, work: { kind: "idle" }, isJoining: false },
    { phase: "stopped", stopped: { code, text } },
  );
  return stay(stopped, { kind: "engine-rollback" }, persist(stopped), { kind: "changed" });
}
