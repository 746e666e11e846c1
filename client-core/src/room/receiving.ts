import { type DeviceId, equalBytes, isCloisterError } from "@cloister/base";
import { fenceSubject, roomsV1 } from "@cloister/proto";
import { verifyCheckpoint, verifyFence } from "@cloister/rules";
import type { RoomNotice } from "../client-types.ts";
import { isWholeManifest } from "../files/manifest.ts";
import { type OpenedBatch, parseBatch } from "../inbox/batch.ts";
import { followChain, type SenderChain } from "../inbox/chain.ts";
import { MAX_OPEN_TOGETHER_BYTES } from "../limits.ts";
import type { DeliveredRecord } from "../ports.ts";
import { storeKeys } from "../store/keys.ts";
import type { PlainRow } from "../store/seal-store.ts";
import { onConfirmation, sayProfile } from "./confirming.ts";
import { ownSubject, type RoomContext } from "./context.ts";
import type { RoomEffect } from "./effects.ts";
import type { OpenResult } from "./events.ts";
import { meetFence } from "./fences.ts";
import { seekEntry } from "./joining.ts";
import { learnNames } from "./naming.ts";
import { asideRow, chainRow, fileRow, messageRow, namesRow } from "./rows.ts";
import { pump, settle } from "./sending.ts";
import type { FenceSeen, RoomState, RunEntry } from "./state.ts";
import { andThen, persist, type RoomStep, stay, withDurable } from "./steps.ts";

/** What has arrived waits its turn behind what is being done. */
export function onRecords(
  state: RoomState,
  records: readonly DeliveredRecord[],
  context: RoomContext,
): RoomStep {
  const { phase, pending } = state.durable;
  const isOutside = phase === "absent" || phase === "removed" || phase === "stopped";
  // Before the own join nothing can be opened, and after an end nothing may be.
  if (isOutside && !state.isJoining && pending === undefined) {
    return stay(state, { kind: "ack", records });
  }
  return drain({ ...state, backlog: [...state.backlog, ...records] }, context);
}

/** Goes on with the backlog: up to the next fence in one transaction, then the fence. */
export function drain(state: RoomState, context: RoomContext): RoomStep {
  const { phase } = state.durable;
  const isReading = phase === "active" || phase === "confirming";
  if (!isReading || state.work.kind !== "idle") return stay(state);
  if (state.backlog.length === 0) {
    const entry = andThen(seekEntry(state, context), (after) => sayProfile(after, context));
    return andThen(entry, (after) => pump(after, context));
  }
  const known = state.backlog.filter(({ sequence }) => sequence <= state.durable.position);
  if (known.length > 0) {
    const fresh = state.backlog.filter(({ sequence }) => sequence > state.durable.position);
    const acked = stay({ ...state, backlog: fresh }, { kind: "ack", records: known });
    return andThen(acked, (after) => drain(after, context));
  }
  return openRun(state, context);
}

function openRun(state: RoomState, context: RoomContext): RoomStep {
  const entries: RunEntry[] = [];
  let bytes = 0;
  for (const record of state.backlog) {
    const entry = classify(state, record, context);
    if (entry.kind === "fence") {
      if (entries.length > 0) break;
      return meetFence(state, { record, fence: entry.fence });
    }
    if (entries.length > 0 && bytes + record.payload.length > MAX_OPEN_TOGETHER_BYTES) break;
    entries.push(entry);
    bytes += record.payload.length;
  }
  const backlog = state.backlog.slice(entries.length);
  const messages = entries.flatMap((entry) => (entry.kind === "sealed" ? [entry.message] : []));
  return stay(
    { ...state, backlog, work: { kind: "opening", run: { entries } } },
    { kind: "engine-open", messages },
  );
}

type Classified = RunEntry | { readonly kind: "fence"; readonly fence: FenceSeen };

/** A subject proves nothing: what is no member's record and no relay's fence is junk. */
function classify(state: RoomState, record: DeliveredRecord, context: RoomContext): Classified {
  const isFence = record.subject === fenceSubject(state.room);
  const content = decodeRecord(record.payload);
  if (isFence && content?.$case === "fence") {
    const fence = readFence(state, content.value, context);
    if (fence !== undefined) return { kind: "fence", fence };
  }
  if (isFence || content?.$case !== "sealed") return { kind: "junk", record, isFence };
  const isOwn =
    record.subject === ownSubject(context, state.room) && isKnownOwn(state, record, context);
  return { kind: isOwn ? "own" : "sealed", record, message: content.value };
}

/** What this store remembers to have sent. The engine judges the rest, as it does anybody's. */
function isKnownOwn(state: RoomState, record: DeliveredRecord, context: RoomContext): boolean {
  if (state.durable.ownAhead.includes(record.sequence)) return true;
  const digest = context.sha256(record.payload);
  return (
    state.flights.some((flight) => equalBytes(flight.digest, digest)) ||
    state.durable.recentOwn.some((own) => equalBytes(own, digest))
  );
}

function decodeRecord(payload: Uint8Array): roomsV1.RoomRecord["content"] {
  try {
    return roomsV1.RoomRecord.decode(payload).content;
  } catch {
    return undefined;
  }
}

/**
 * A fence counts of a relay in force now, or when the room's last handshake was made: who was away
 * when a relay was revoked still reads on over what it had fenced before, in the right epochs.
 */
function readFence(
  { room, durable }: RoomState,
  signed: roomsV1.SignedFence,
  { log }: RoomContext,
): FenceSeen | undefined {
  const fence = roomsV1.SignedFence.encode(signed).finish();
  const sizes = [log.size, durable.group?.logSize ?? log.size];
  for (const at of sizes) {
    try {
      const { handshakeIndex, handshakeHash } = verifyFence(log.state, { fence, room, at });
      return { handshakeIndex: BigInt(handshakeIndex), handshakeHash };
    } catch {
      // Junk, unless the other size says otherwise.
    }
  }
  return undefined;
}

/** What one run comes to: rows, notices, and what has to be done next. */
interface Harvest {
  state: RoomState;
  readonly puts: Map<string, PlainRow>;
  readonly deletes: string[];
  readonly effects: RoomEffect[];
  hasNames: boolean;
}

/** One transaction: ratchets, messages, chains and position, then the acknowledgement (rule 10 of facts). */
export function onOpened(
  state: RoomState,
  results: readonly OpenResult[],
  context: RoomContext,
): RoomStep {
  if (state.work.kind !== "opening") return stay(state);
  const { entries } = state.work.run;
  const harvest: Harvest = {
    state: { ...state, work: { kind: "idle" } },
    puts: new Map(),
    deletes: [],
    effects: [],
    hasNames: false,
  };
  let opened = 0;
  for (const entry of entries) {
    if (entry.kind === "sealed") {
      takeResult(harvest, { record: entry.record, result: results[opened] }, context);
      opened += 1;
    } else if (entry.kind === "own") takeOwn(harvest, entry, context);
    else takeJunk(harvest, entry);
  }
  return finishRun(harvest, entries, context);
}

function finishRun(harvest: Harvest, entries: readonly RunEntry[], context: RoomContext): RoomStep {
  const position = entries.at(-1)?.record.sequence ?? harvest.state.durable.position;
  const ownAhead = harvest.state.durable.ownAhead.filter((sequence) => sequence > position);
  const next = withDurable(harvest.state, { position, ownAhead });
  if (harvest.hasNames) put(harvest, namesRow(next.room, next.names));
  const done = stay(
    next,
    persist(next, [...harvest.puts.values()].filter(isNotState(next)), harvest.deletes),
    { kind: "ack", records: entries.map(({ record }) => record) },
    ...harvest.effects,
    { kind: "changed" },
  );
  return andThen(done, (after) => drain(after, context));
}

/** The room's own row is written once, as it stands at the end of the run. */
function isNotState({ room }: RoomState): (row: PlainRow) => boolean {
  return ({ key }) => key !== storeKeys.roomState(room);
}

function put(harvest: Harvest, row: PlainRow): void {
  harvest.puts.set(row.key, row);
}

function takeResult(
  harvest: Harvest,
  { record, result }: { readonly record: DeliveredRecord; readonly result: OpenResult | undefined },
  context: RoomContext,
): void {
  if (result === undefined) return;
  if (result.kind === "refused") {
    setAside(harvest, { record, code: result.code }, context);
    return;
  }
  try {
    const { org, sha256 } = context;
    const batch = parseBatch(result.opened, { org, room: harvest.state.room, sha256 });
    takeBatch(harvest, { record, opened: batch }, context);
  } catch (error) {
    const code = isCloisterError(error) ? error.code : "ERR_INTERNAL";
    setAside(harvest, { record, code }, context);
  }
}

function takeBatch(
  harvest: Harvest,
  { record, opened }: { readonly record: DeliveredRecord; readonly opened: OpenedBatch },
  context: RoomContext,
): void {
  const { state } = harvest;
  const { account, device, batch, bytes, hash } = opened;
  const { counter, previousHash } = batch;
  const { chain, verdict } = followChain(state.chains.get(device), { counter, previousHash, hash });
  if (verdict.kind === "repeated") return;
  if (verdict.kind !== "next") notice(harvest, { ...verdict, device });
  followTo(harvest, device, chain);
  put(
    harvest,
    messageRow(state.room, record.sequence, { account, device, own: false, batch: bytes }),
  );
  watchCheckpoint(harvest, batch.checkpoint, context);
  for (const { body } of batch.items) {
    if (body?.$case === "epochConfirmed") {
      const step = onConfirmation(harvest.state, { account, confirmed: body.value }, context);
      harvest.state = step.state;
      harvest.effects.push(...step.effects);
    }
    if (body?.$case === "file" && isWholeManifest(body.value)) {
      put(harvest, fileRow(state.room, body.value, record.sequence));
    }
    if (body?.$case === "profile") {
      harvest.state = learnNames(harvest.state, { account, profile: body.value }, context);
      harvest.hasNames = true;
    }
  }
}

function followTo(harvest: Harvest, device: DeviceId, chain: SenderChain): void {
  const { state } = harvest;
  harvest.state = { ...state, chains: new Map([...state.chains, [device, chain]]) };
  put(harvest, chainRow(state.room, device, chain));
}

/** Every batch shows its sender's newest head of the log: two that differ uncover a fork (rule 4). */
function watchCheckpoint(harvest: Harvest, signed: Uint8Array, context: RoomContext): void {
  if (signed.length === 0 || equalBytes(signed, context.log.checkpoint)) return;
  try {
    const head = verifyCheckpoint(context.log.state, signed);
    harvest.effects.push({ kind: "saw-checkpoint", checkpoint: head });
  } catch {
    // Not signed by the log: the batch itself is its sender's word and stands.
  }
}

function takeOwn(harvest: Harvest, entry: RunEntry, context: RoomContext): void {
  const { state } = harvest;
  const { record } = entry;
  if (state.durable.ownAhead.includes(record.sequence)) return;
  const digest = context.sha256(record.payload);
  const flight = state.flights.find((other) => equalBytes(other.digest, digest));
  if (flight === undefined) {
    // On the server twice, or settled already in this run.
    harvest.state = withDurable(state, { skipped: state.durable.skipped + 1 });
    return;
  }
  const { sequence } = record;
  const step = settle(state, flight, { sequence, isAhead: false, context });
  harvest.state = step.state;
  for (const effect of step.effects) {
    if (effect.kind !== "persist") harvest.effects.push(effect);
    else {
      // Into the run's own transaction: the position must not pass what is still in the outbox.
      for (const row of effect.puts) put(harvest, row);
      harvest.deletes.push(...effect.deletes);
    }
  }
}

function takeJunk(harvest: Harvest, entry: RunEntry & { readonly kind: "junk" }): void {
  const { durable } = harvest.state;
  harvest.state = withDurable(harvest.state, {
    skipped: durable.skipped + 1,
    // It moves the number that publishes must expect, and nothing else (rule 11).
    fenceSequence: entry.isFence ? entry.record.sequence : durable.fenceSequence,
  });
}

/** A repeat is only counted; anything else is kept as it came, for a person to see. */
function setAside(
  harvest: Harvest,
  { record, code }: { readonly record: DeliveredRecord; readonly code: string },
  context: RoomContext,
): void {
  const { state } = harvest;
  const { durable } = state;
  // Any member can publish a record of this device once more, under a subject of his own.
  const isCopied = code === "message.own" && record.subject !== ownSubject(context, state.room);
  if (code === "message.replayed" || isCopied) {
    harvest.state = withDurable(state, { skipped: durable.skipped + 1 });
    return;
  }
  if (code === "message.own") {
    // Sealed by this device's leaf, yet unknown here: the store is older than what was sent (rule 14).
    harvest.state = withDurable(state, { mustResync: true });
  }
  harvest.state = withDurable(harvest.state, { setAside: durable.setAside + 1 });
  const { subject, payload, sequence } = record;
  put(harvest, asideRow(state.room, sequence, { code, subject, payload }));
  notice(harvest, { kind: "set-aside", sequence, code });
}

function notice(harvest: Harvest, told: RoomNotice): void {
  harvest.effects.push({ kind: "notice", notice: told });
}
