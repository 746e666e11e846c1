import {
  equalBytes,
  formatHex,
  idBytes,
  type Random,
  type RoomId,
  randomBytes,
} from "@cloister/base";
import type { MemberEngine } from "@cloister/group-engine/types";
import { roomsV1 } from "@cloister/proto";
import { roomAt } from "@cloister/rules";
import type { CryptoPort } from "../ports.ts";
import type { LogSight } from "../room/context.ts";
import type { RoomEffect } from "../room/effects.ts";
import type { GroupSnapshot, OpenResult, RoomEvent, SealedRecord } from "../room/events.ts";
import { storeKeys } from "../store/keys.ts";
import type { PlainWrites } from "../store/seal-store.ts";

type EngineEffect = Extract<RoomEffect, { readonly kind: `engine-${string}` }>;

export function isEngineEffect(effect: RoomEffect): effect is EngineEffect {
  return effect.kind.startsWith("engine-");
}

/** Every call into the group engine, as an effect and its answer. */
export interface Groups {
  perform(room: RoomId, effect: EngineEffect): RoomEvent | undefined;
  /** Brings a stored group into memory; false if there is none or it cannot be read. */
  load(room: RoomId): boolean;
  snapshot(room: RoomId): GroupSnapshot;
  /** What the engine has not written yet, as rows; `written` after they are on the disk. */
  peek(): PlainWrites;
  written(): void;
  rollback(): void;
}

export interface GroupPorts {
  readonly engine: MemberEngine;
  readonly crypto: CryptoPort;
  readonly random: Random;
  log(): LogSight;
}

export function createGroups(ports: GroupPorts): Groups {
  const { engine } = ports;
  const groupOf = (room: RoomId): Uint8Array => groupIdOf(ports, room);
  return {
    perform: (room, effect) => performEngine(ports, { room, effect, group: groupOf(room) }),
    load(room) {
      try {
        engine.load(groupOf(room));
        return true;
      } catch {
        return false;
      }
    },
    snapshot: (room) => snapshotOf(engine, groupOf(room)),
    peek() {
      const { puts, deletes } = engine.peekWrites();
      return {
        puts: puts.map(({ key, value }) => ({ key: storeKeys.engineEntry(key), value })),
        deletes: deletes.map(storeKeys.engineEntry),
      };
    },
    written: () => engine.commitWrites(),
    rollback: () => engine.rollback(),
  };
}

function groupIdOf(ports: GroupPorts, room: RoomId): Uint8Array {
  const { state, size } = ports.log();
  const fact = roomAt(state, { room, at: size });
  // A group that no log names: every call refuses it.
  return fact === undefined ? new Uint8Array(32) : idBytes(fact.groupId);
}

function snapshotOf(engine: MemberEngine, group: Uint8Array): GroupSnapshot {
  const isActive = engine.isActive(group);
  return {
    isActive,
    epoch: engine.epoch(group),
    members: isActive ? engine.members(group) : [],
    ownLeaf: engine.ownLeafIndex(group),
    authenticator: isActive ? engine.epochAuthenticator(group) : new Uint8Array(0),
  };
}

interface Job {
  readonly room: RoomId;
  readonly effect: EngineEffect;
  readonly group: Uint8Array;
}

function performEngine(ports: GroupPorts, job: Job): RoomEvent | undefined {
  const { engine } = ports;
  const { effect, group } = job;
  switch (effect.kind) {
    case "engine-open":
      return {
        kind: "opened",
        results: effect.messages.map((message) => open(engine, group, message)),
      };
    case "engine-seal":
      return {
        kind: "sealed",
        records: effect.plaintexts.map((plaintext) => seal(ports, group, plaintext)),
      };
    case "engine-stage":
      return attempt<RoomEvent>(
        () => ({ kind: "staged", staged: engine.stage(group, effect.commit) }),
        (code) => ({ kind: "stage-failed", code }),
      );
    case "engine-merge-staged":
      engine.mergeStaged(group);
      return { kind: "merged", group: snapshotOf(engine, group) };
    case "engine-drop-staged":
      engine.dropStaged(group);
      return undefined;
    case "engine-commit":
      return commit(engine, group, effect);
    case "engine-clear-pending":
      if (engine.hasPending(group)) engine.clearPending(group);
      return undefined;
    case "engine-create":
      return create(engine, group, effect.contextExtension);
    case "engine-join":
      return join(engine, group, effect);
    case "engine-look":
      return { kind: "looked", group: snapshotOf(engine, group) };
    case "engine-forget":
      attempt(
        () => engine.delete(group),
        () => undefined,
      );
      return undefined;
    case "engine-rollback":
      engine.rollback();
      return undefined;
    default:
      throw effect satisfies never;
  }
}

/** An engine's refusal is an answer; that the engine itself broke is not. */
function attempt<T>(run: () => T, refused: (code: string) => T): T {
  try {
    return run();
  } catch (error) {
    const code = engineCode(error);
    if (code === undefined || brokenCodes.has(code)) throw error;
    return refused(code);
  }
}

const brokenCodes: ReadonlySet<string> = new Set([
  "engine.trapped",
  "engine.disposed",
  "engine.internal",
  "engine.unwritten-changes",
]);

/** Engine errors carry a stable code; the class itself is not shared with the reducers. */
export function engineCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  const { code } = error;
  return typeof code === "string" ? code : undefined;
}

function open(engine: MemberEngine, group: Uint8Array, message: Uint8Array): OpenResult {
  return attempt<OpenResult>(
    () => ({ kind: "opened", opened: engine.open(group, message) }),
    (code) => ({ kind: "refused", code }),
  );
}

function seal(ports: GroupPorts, groupId: Uint8Array, plaintext: Uint8Array): SealedRecord {
  const message = ports.engine.seal({ groupId, plaintext, aad: new Uint8Array(0) });
  const content = { $case: "sealed", value: message } as const;
  const payload = roomsV1.RoomRecord.encode({ content }).finish();
  return { payload, digest: ports.crypto.sha256(payload), messageId: newPublishId(ports.random) };
}

/** `Nats-Msg-Id`: 128 random bits in hex (rule 12). */
export function newPublishId(random: Random): string {
  return formatHex(randomBytes(random, 16));
}

function commit(
  engine: MemberEngine,
  groupId: Uint8Array,
  { removes, aad }: Extract<EngineEffect, { readonly kind: "engine-commit" }>,
): RoomEvent {
  return attempt<RoomEvent>(
    () => {
      if (engine.hasPending(groupId)) engine.clearPending(groupId);
      return { kind: "commit-made", bundle: engine.commit({ groupId, removes, aad }) };
    },
    (code) => ({ kind: "commit-failed", code }),
  );
}

function create(
  engine: MemberEngine,
  groupId: Uint8Array,
  contextExtension: Uint8Array,
): RoomEvent {
  return attempt<RoomEvent>(
    () => {
      const made = engine.createGroup({ groupId, contextExtension });
      return { kind: "created", made, group: snapshotOf(engine, groupId) };
    },
    (code) => ({ kind: "join-failed", code }),
  );
}

function join(
  engine: MemberEngine,
  group: Uint8Array,
  effect: Extract<EngineEffect, { readonly kind: "engine-join" }>,
): RoomEvent {
  const { groupInfo, ratchetTree, aad, earlierLeaf } = effect;
  if (!isOfGroup(engine, group, groupInfo)) {
    // The key of another group would take the place of that one.
    return { kind: "join-failed", code: "group-info.mismatch" };
  }
  const make = (resyncLeafIndex?: number): RoomEvent => {
    const leaf = resyncLeafIndex === undefined ? {} : { resyncLeafIndex };
    const joined = engine.externalJoin({ groupInfo, ratchetTree, aad, ...leaf });
    return {
      kind: "joined",
      bundle: joined,
      group: snapshotOf(engine, joined.groupId),
      context: engine.context(joined.groupId),
    };
  };
  return attempt<RoomEvent>(
    () => make(),
    (code) =>
      code === "group.resync-required" && earlierLeaf !== undefined
        ? attempt<RoomEvent>(
            () => make(earlierLeaf),
            (again) => ({ kind: "join-failed", code: again }),
          )
        : { kind: "join-failed", code },
  );
}

function isOfGroup(engine: MemberEngine, group: Uint8Array, groupInfo: Uint8Array): boolean {
  return attempt(
    () => equalBytes(engine.peekMessage(groupInfo).groupId ?? new Uint8Array(0), group),
    () => false,
  );
}
