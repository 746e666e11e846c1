import { equalBytes } from "@cloister/base";
import type { relayV1 } from "@cloister/proto";
import { relayErrors } from "../errors.ts";
import { LOG_WAIT_MS } from "../limits.ts";
import { type HandshakeRecord, parseHandshakeRecord } from "../rooms/handshake-record.ts";
import { judgeHandshake } from "../rooms/judge-handshake.ts";
import type { HeldRoom } from "../rooms/room-cache.ts";
import { nextIndexOf, type RoomState } from "../rooms/room-state.ts";
import { afterStep, conflict, type Step, stepHandshake } from "../rooms/succession.ts";
import { isStoreProblem } from "../store/store-error.ts";
import type { DeliveryContext } from "./context.ts";
import { type DeviceCaller, memberRoom } from "./device-caller.ts";
import { requireGrant } from "./require-grant.ts";

/**
 * Takes a room's next handshake: shape and place, the engine's check, the members' rules, then
 * compare-and-set into HANDSHAKES, then the fence. The append is the one point of no return; a fence
 * that is missing is made by the same call again, by the next append, or at the next start.
 */
export async function appendHandshake(
  context: DeliveryContext,
  caller: DeviceCaller,
  request: relayV1.AppendHandshakeRequest,
): Promise<relayV1.AppendHandshakeResponse> {
  const record = parseHandshakeRecord(request.handshake);
  if (record.org !== caller.org || record.device !== caller.device.certificate.device) {
    throw relayErrors.ERR_RELAY_CALLER("a device hands in its own handshakes, of its own org");
  }
  await memberRoom(context.log, caller, record.room);
  await context.directory.whenConnected(caller.org);
  // What the author saw of the log, the relay must have seen to judge by it.
  await context.log.waitForSize(caller.org, record.logSize, { timeoutMs: LOG_WAIT_MS });
  const key = { org: record.org, room: record.room };
  return context.rooms.use(key, (room) => new Append(context, caller, record).run(room));
}

class Append {
  readonly #context: DeliveryContext;
  readonly #caller: DeviceCaller;
  readonly #record: HandshakeRecord;

  constructor(context: DeliveryContext, caller: DeviceCaller, record: HandshakeRecord) {
    this.#context = context;
    this.#caller = caller;
    this.#record = record;
  }

  async run(room: HeldRoom): Promise<relayV1.AppendHandshakeResponse> {
    const next = nextIndexOf(room.state);
    if (this.#record.index < next) return this.#repeated(room);
    if (this.#record.index > next) throw conflict(room.state, "handshakes before it are missing");
    const { grant } = this.#record.handshake;
    if (grant.length > 0) await requireGrant(this.#context, this.#caller, grant);
    await this.#healNewest(room);
    await this.#context.fences.requireRoom(room.key);
    return this.#append(room);
  }

  /** The same bytes again get the same answer; others lost the race. */
  async #repeated(room: HeldRoom): Promise<relayV1.AppendHandshakeResponse> {
    const stored = await this.#context.store.record(room.state, this.#record.index);
    if (stored === undefined || !equalBytes(stored, this.#record.bytes)) {
      throw conflict(room.state, "another handshake has this index");
    }
    return this.#fenced(room);
  }

  async #append(room: HeldRoom): Promise<relayV1.AppendHandshakeResponse> {
    const record = this.#record;
    const step = await this.#context.engine.use((engine) => {
      return stepHandshake(engine, room.state, record);
    });
    let sequence: number;
    try {
      await this.#judge(room.state, step);
      await this.#saveTree(room, step);
      await this.#context.atStep("checked");
      sequence = await this.#store(room);
    } catch (error) {
      step.group[Symbol.dispose]();
      throw error;
    }
    const next = await this.#context.engine.use(() => {
      return afterStep(room.state, step, { record, sequence });
    });
    room.replace(next);
    await this.#context.atStep("stored");
    const answer = await this.#fenced(room);
    await this.#context.atStep("fenced");
    await this.#context.store.saveSnapshot(room.key, next);
    return answer;
  }

  async #judge(state: RoomState, step: Step): Promise<void> {
    const replica = this.#caller.replica();
    const nowMs = this.#context.now();
    const record = this.#record;
    await this.#context.engine.use(() => judgeHandshake({ replica, record, state, step, nowMs }));
  }

  /** Whoever is welcomed needs the tree after this commit, and nobody but the relay has it by then. */
  async #saveTree(room: HeldRoom, step: Step): Promise<void> {
    if (step.kind === "creation" || this.#record.handshake.welcome.length === 0) return;
    const tree = await this.#context.engine.use((engine) => {
      using after = engine.restore(step.group.serialize());
      after.process(this.#record.handshake.commit);
      after.merge();
      return after.tree();
    });
    await this.#context.store.saveTree(room.key, this.#record, tree);
  }

  async #store(room: HeldRoom): Promise<number> {
    try {
      return await this.#context.store.append(room.key, room.state, this.#record);
    } catch (error) {
      if (isStoreProblem(error, "sequence")) {
        throw conflict(room.state, "another handshake came first");
      }
      throw error;
    }
  }

  async #healNewest(room: HeldRoom): Promise<void> {
    const index = nextIndexOf(room.state) - 1;
    if (index < 0 || (await this.#context.fences.find(room.key, index)) !== undefined) return;
    const bytes = await this.#context.store.record(room.state, index);
    if (bytes !== undefined) {
      await this.#context.fences.ensure(room.key, parseHandshakeRecord(bytes));
    }
  }

  async #fenced(room: HeldRoom): Promise<relayV1.AppendHandshakeResponse> {
    const fence = await this.#context.fences.ensure(room.key, this.#record);
    return { index: BigInt(this.#record.index), fenceSequence: BigInt(fence) };
  }
}
