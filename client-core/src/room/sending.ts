import { MAX_RECORDS_IN_FLIGHT } from "../limits.ts";
import { countForBatch, encodeBatch } from "../outbox/batch.ts";
import { padBatch } from "../outbox/padding.ts";
import type { PublishOutcome } from "../ports.ts";
import { storeKeys } from "../store/keys.ts";
import { commitAway } from "./committing.ts";
import { isLogFresh, type RoomContext, strayLeaves } from "./context.ts";
import type { RoomEffect } from "./effects.ts";
import type { OutgoingRow, SealedRecord } from "./events.ts";
import { flightRow, messageRow, queueRow } from "./rows.ts";
import type { Flight, QueueRow, RoomState } from "./state.ts";
import { andThen, persist, type RoomStep, retryLater, stay, withDurable } from "./steps.ts";

/** Sealed in one transaction: the first leaves before the last is sealed. */
const SEAL_TOGETHER = 4;
/** Own records that are recognised should the server hold them twice. */
const RECENT_OWN_RECORDS = 2 * MAX_RECORDS_IN_FLIGHT;
/** How long a fence that the server knows may take to come by the inbox. */
const FENCE_PATIENCE_MS = 5_000;

/** Takes rows into the outbox: told as queued once they are on the disk. */
export function enqueue(
  state: RoomState,
  rows: readonly OutgoingRow[],
  context: RoomContext,
): RoomStep {
  let { nextRow } = state.durable;
  const queued = rows.map(({ items, ids }): QueueRow => {
    const row = nextRow;
    nextRow += 1;
    return { row, items, itemBytes: items.length, itemCount: ids.length, ids };
  });
  const next = withDurable({ ...state, queue: [...state.queue, ...queued] }, { nextRow });
  const ids = rows.flatMap((row) => row.ids);
  const puts = queued.map((row) => queueRow(state.room, row));
  return andThen(stay(next, persist(next, puts), { kind: "queued", ids }), (after) =>
    pump(after, context),
  );
}

/** Whether anything may be sealed or published now (rules 4, 8, 10, 11, 14). */
export function isClear(state: RoomState, context: RoomContext): boolean {
  const { durable } = state;
  return (
    durable.phase === "active" &&
    durable.pending === undefined &&
    !durable.mustResync &&
    context.isOnline &&
    context.isDrained &&
    state.work.kind === "idle" &&
    state.backlog.length === 0 &&
    !state.isAppending &&
    !state.isRetrying &&
    state.refusedFence !== durable.fenceSequence
  );
}

/** Sends what can be sent, in order: looks at the log, removes stray leaves, seals, publishes. */
export function pump(state: RoomState, context: RoomContext): RoomStep {
  if (!isClear(state, context)) return stay(state);
  const wantsToWrite = state.queue.length > 0 || state.flights.some(isWaiting);
  if (!wantsToWrite && !state.wantsRenewal) return stay(state);
  if (!isLogFresh(context)) return lookAtLog(state);
  const stray = strayLeaves(context, state.room, state.roster);
  if (stray.length > 0 || state.wantsRenewal) return commitAway(state, context, stray);
  const resent = republish(state);
  return andThen(resent, (after) => seal(after, context));
}

export function lookAtLog(state: RoomState): RoomStep {
  if (state.isFetchingLog) return stay(state);
  return stay({ ...state, isFetchingLog: true }, { kind: "fetch-log" });
}

const isWaiting = ({ state }: Flight): boolean => state !== "flying";

/** What was sealed for this epoch goes out as it is; what is older is sealed anew. */
function republish(state: RoomState): RoomStep {
  const epoch = state.durable.group?.epoch;
  // A hole in front would break the order of the chain, so only a waiting prefix goes.
  const waiting = state.flights.filter(isWaiting);
  if (waiting.length === 0) return stay(state);
  if (waiting.some((flight) => flight.epoch !== epoch)) return sealAnew(state);
  return launch(state, waiting);
}

function sealAnew(state: RoomState): RoomStep {
  const epoch = state.durable.group?.epoch;
  const stale = state.flights.filter((flight) => isWaiting(flight) && flight.epoch !== epoch);
  const plaintexts = stale.slice(0, SEAL_TOGETHER).map(({ batch }) => padBatch([batch]));
  return stay(state, { kind: "engine-seal", plaintexts });
}

/** Seals the next batches of the queue, as far as the window is open. */
function seal(state: RoomState, context: RoomContext): RoomStep {
  // Chain order: nothing new while something older waits.
  if (state.flights.some(isWaiting)) return stay(state);
  const free = Math.min(SEAL_TOGETHER, MAX_RECORDS_IN_FLIGHT - state.flights.length);
  const batches = planBatches(state, context, free);
  if (batches.length === 0) return stay(state);
  const plaintexts = batches.map(({ batch }) => padBatch([batch]));
  return stay(state, { kind: "engine-seal", plaintexts });
}

type PlannedBatch = Pick<Flight, "counter" | "rows" | "batch" | "hash">;

/** Pure: the same state plans the same batches, so the answer of the engine finds them again. */
function planBatches(state: RoomState, context: RoomContext, limit: number): PlannedBatch[] {
  const planned: PlannedBatch[] = [];
  let counter = state.durable.ownCounter;
  let previousHash = state.durable.ownHash;
  let from = 0;
  while (planned.length < limit && from < state.queue.length) {
    const count = countForBatch(state.queue.slice(from, from + 4096));
    const rows = state.queue.slice(from, from + count);
    counter += 1n;
    const { checkpoint } = context.log;
    const head = { room: state.room, device: context.device, counter, previousHash, checkpoint };
    const batch = encodeBatch(
      head,
      rows.map(({ items }) => items),
    );
    const hash = context.sha256(batch);
    planned.push({ counter, rows, batch, hash });
    previousHash = hash;
    from += count;
  }
  return planned;
}

/** The engine has sealed what was asked for last: keep it with the ratchets, then publish. */
export function onSealed(
  state: RoomState,
  records: readonly SealedRecord[],
  context: RoomContext,
): RoomStep {
  const epoch = state.durable.group?.epoch ?? 0n;
  const stale = state.flights.filter((flight) => isWaiting(flight) && flight.epoch !== epoch);
  const sealed: Flight[] =
    stale.length > 0
      ? resealed(stale, records, epoch)
      : planBatches(state, context, records.length).flatMap((planned, index) =>
          flightOf(planned, records[index], epoch),
        );
  const known = new Set(sealed.map(({ counter }) => counter));
  const flights = [...state.flights.filter(({ counter }) => !known.has(counter)), ...sealed].sort(
    (left, right) => (left.counter < right.counter ? -1 : 1),
  );
  const last = stale.length > 0 ? undefined : sealed.at(-1);
  const taken = stale.length > 0 ? 0 : sealed.reduce((sum, { rows }) => sum + rows.length, 0);
  const next = withDurable(
    { ...state, flights, queue: taken === 0 ? state.queue : state.queue.slice(taken) },
    last === undefined ? {} : { ownCounter: last.counter, ownHash: last.hash },
  );
  const puts = sealed.map((flight) => flightRow(state.room, flight));
  return andThen(stay(next, persist(next, puts)), (after) => pump(after, context));
}

function resealed(
  stale: readonly Flight[],
  records: readonly SealedRecord[],
  epoch: bigint,
): Flight[] {
  return stale.slice(0, records.length).flatMap((flight, index) =>
    flightOf(flight, records[index], epoch).map((fresh) => ({
      ...fresh,
      tries: flight.tries + 1,
    })),
  );
}

function flightOf(
  { counter, rows, batch, hash }: PlannedBatch,
  record: SealedRecord | undefined,
  epoch: bigint,
): Flight[] {
  if (record === undefined) return [];
  return [{ counter, rows, batch, hash, epoch, ...record, state: "ready", tries: 0 }];
}

function launch(state: RoomState, waiting: readonly Flight[]): RoomStep {
  const { fenceSequence } = state.durable;
  const going = new Set(waiting.map(({ counter }) => counter));
  const flights = state.flights.map((flight) =>
    going.has(flight.counter)
      ? { ...flight, state: "flying" as const, tries: flight.tries + 1 }
      : flight,
  );
  const effects = waiting.map(
    ({ payload, messageId }): RoomEffect => ({
      kind: "publish",
      payload,
      messageId,
      fenceSequence,
    }),
  );
  const next = { ...state, flights, hindrance: undefined, launchedAt: fenceSequence };
  return stay(next, ...effects);
}

/** The server has answered, or has not. */
export function onPublished(
  state: RoomState,
  answer: {
    readonly messageId: string;
    readonly freshId: string;
    readonly outcome: PublishOutcome;
  },
  context: RoomContext,
): RoomStep {
  const flight = state.flights.find(({ messageId }) => messageId === answer.messageId);
  // Its record came by in the inbox first, or it was sealed anew.
  if (flight === undefined) return stay(state);
  const { outcome } = answer;
  switch (outcome.kind) {
    case "stored": {
      const [sequence] = outcome.sequences;
      if (sequence === undefined) return retryLater(hold(state));
      const settled = settle(state, flight, { sequence, isAhead: true, context });
      return andThen(settled, (after) => pump({ ...after, retryMs: 0 }, context));
    }
    case "stale-fence":
      return awaitFence(state, context);
    case "duplicate":
      // Either ours, then it comes by the inbox, or somebody took the id: a new one after a while.
      return retryLater(renamed(state, flight, answer.freshId));
    case "stream-full":
      return retryLater(hold({ ...state, hindrance: { kind: "stream-full" } }));
    case "denied": {
      const hint = "ask an owner, or present what the room's policy wants";
      const denied = hold({ ...state, hindrance: { kind: "not-admitted", hint } });
      return andThen(retryLater(denied), (after) => stay(after, { kind: "refresh-access" }));
    }
    case "timeout":
    case "disconnected":
    case "refused":
      return retryLater(hold(state));
    default:
      throw outcome satisfies never;
  }
}

/** Everything that is not known to be stored waits, so that the chain keeps its order. */
export function hold(state: RoomState): RoomState {
  return {
    ...state,
    flights: state.flights.map((flight) => ({ ...flight, state: "held" as const })),
  };
}

/** The fence that the server wants comes by the inbox; until then nothing moves. */
function awaitFence(state: RoomState, context: RoomContext): RoomStep {
  const held = hold(state);
  // If it had come before the refusal, the way is free already.
  if (held.launchedAt !== held.durable.fenceSequence) return pump(held, context);
  if (held.refusedFence === held.durable.fenceSequence) return stay(held);
  return stay(
    { ...held, refusedFence: held.durable.fenceSequence },
    { kind: "wait", delayMs: FENCE_PATIENCE_MS, tag: "fence" },
  );
}

/** A new `Nats-Msg-Id` for the same record; receivers tell a repeat by the ratchet and the chain. */
function renamed(state: RoomState, flight: Flight, messageId: string): RoomState {
  const held = hold(state);
  const flights = held.flights.map((other) =>
    other.counter === flight.counter ? { ...other, messageId } : other,
  );
  return { ...held, flights };
}

/** The record is on the server's disk: history, and out of the outbox. */
export function settle(
  state: RoomState,
  flight: Flight,
  stored: {
    readonly sequence: bigint;
    /** True if the inbox has not brought it yet. */
    readonly isAhead: boolean;
    readonly context: RoomContext;
  },
): RoomStep {
  const { sequence, isAhead, context } = stored;
  const { ownAhead, recentOwn } = state.durable;
  const next = withDurable(
    { ...state, flights: state.flights.filter(({ counter }) => counter !== flight.counter) },
    {
      ownAhead: isAhead ? [...ownAhead, sequence] : ownAhead,
      recentOwn: [...recentOwn, flight.digest].slice(-RECENT_OWN_RECORDS),
    },
  );
  const { account, device } = context;
  const row = messageRow(state.room, sequence, { account, device, own: true, batch: flight.batch });
  const deletes = [
    storeKeys.flight(state.room, flight.counter),
    ...flight.rows.map(({ row }) => storeKeys.queued(state.room, row)),
  ];
  return stay(
    next,
    persist(next, [row], deletes),
    {
      kind: "stored",
      ids: flight.rows.flatMap(({ ids }) => ids),
      sequence,
      resent: flight.tries > 1,
    },
    { kind: "changed" },
  );
}
