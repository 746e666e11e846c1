import { readContext, readMember, readSummary } from "./decode.ts";
import { EngineError } from "./errors.ts";
import { type FrameReader, FrameWriter } from "./frame.ts";
import { inspectKeyPackage, peekMessage } from "./inspect.ts";
import { EngineInstance } from "./instance.ts";
import {
  MAX_GROUP_INFO_BYTES,
  MAX_HANDSHAKE_BYTES,
  MAX_PUBLIC_STATE_BYTES,
  MAX_TREE_BYTES,
} from "./limits.ts";
import type {
  CommitSummary,
  EngineModule,
  EnginePorts,
  GroupContextView,
  GroupMember,
  KeyPackageView,
  MessageView,
  PublicEngine,
  PublicGroupOptions,
  PublicGroupView,
} from "./types.ts";

/** Makes an engine of the public build: it validates handshakes and can read nothing. */
export function createPublicEngine(module: EngineModule, ports: EnginePorts = {}): PublicEngine {
  return new PublicEngineOverWasm(new EngineInstance(module, ports));
}

class PublicEngineOverWasm implements PublicEngine {
  readonly #instance: EngineInstance;

  constructor(instance: EngineInstance) {
    this.#instance = instance;
  }

  fromGroupInfo({ groupInfo, ratchetTree }: PublicGroupOptions): PublicGroupView {
    const input = new FrameWriter()
      .bytes(groupInfo, MAX_GROUP_INFO_BYTES)
      .bytes(ratchetTree, MAX_TREE_BYTES);
    return this.#open("public_from_group_info", input);
  }

  restore(serialized: Uint8Array): PublicGroupView {
    return this.#open("public_restore", unwrapState(serialized));
  }

  inspectKeyPackage(keyPackage: Uint8Array): KeyPackageView {
    return inspectKeyPackage(this.#instance, keyPackage);
  }

  peekMessage(message: Uint8Array): MessageView {
    return peekMessage(this.#instance, message);
  }

  memoryBytes(): number {
    return this.#instance.memoryBytes();
  }

  [Symbol.dispose](): void {
    this.#instance[Symbol.dispose]();
  }

  #open(name: string, input: FrameWriter): PublicGroupView {
    return this.#instance.call(name, input, (frame) => {
      return new PublicGroupOverWasm(this.#instance, {
        handle: frame.u32(),
        groupId: frame.bytes(),
      });
    });
  }
}

class PublicGroupOverWasm implements PublicGroupView {
  readonly groupId: Uint8Array;
  readonly #instance: EngineInstance;
  readonly #handle: number;
  #isReleased = false;

  constructor(instance: EngineInstance, group: { handle: number; groupId: Uint8Array }) {
    this.#instance = instance;
    this.#handle = group.handle;
    this.groupId = group.groupId;
  }

  epoch(): bigint {
    return this.context().epoch;
  }

  context(): GroupContextView {
    return this.#query("public_context", readContext);
  }

  groupContext(): Uint8Array {
    return this.#query("public_context", (frame) => {
      readContext(frame);
      return frame.bytes();
    });
  }

  contextExtension(): Uint8Array {
    return this.context().contextExtension;
  }

  members(): GroupMember[] {
    return this.#query("public_members", (frame) => frame.list(readMember));
  }

  tree(): Uint8Array {
    return this.#query("public_tree", (frame) => frame.bytes());
  }

  process(commit: Uint8Array): CommitSummary {
    const input = this.#input().bytes(commit, MAX_HANDSHAKE_BYTES);
    return this.#instance.call("public_process", input, readSummary);
  }

  merge(): void {
    this.#instance.run("public_merge", this.#input());
  }

  drop(): void {
    this.#instance.run("public_drop_staged", this.#input());
  }

  verifyGroupInfo(groupInfo: Uint8Array): void {
    const input = this.#input().bytes(groupInfo, MAX_GROUP_INFO_BYTES);
    this.#instance.run("public_verify_group_info", input);
  }

  serialize(): Uint8Array {
    return wrapState(this.#query("public_serialize", (frame) => frame.bytes()));
  }

  /** Frees the group in the engine; does nothing on one that has gone with its engine. */
  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    try {
      this.#instance.run("public_release", new FrameWriter().u32(this.#handle));
    } catch (error) {
      if (!(error instanceof EngineError) || !isGone(error)) throw error;
    }
  }

  #input(): FrameWriter {
    if (this.#isReleased) throw new EngineError("engine.disposed", "The group has been disposed.");
    return new FrameWriter().u32(this.#handle);
  }

  #query<T>(name: string, decode: (frame: FrameReader) => T): T {
    return this.#instance.call(name, this.#input(), decode);
  }
}

function isGone(error: EngineError): boolean {
  return error.code === "engine.disposed" || error.code === "engine.trapped";
}

/** Version of the serialized state; another is refused. */
const STATE_VERSION = 1;

function wrapState(state: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(state.length + 1);
  bytes[0] = STATE_VERSION;
  bytes.set(state, 1);
  return bytes;
}

function unwrapState(serialized: Uint8Array): FrameWriter {
  if (serialized[0] !== STATE_VERSION) {
    throw new EngineError("store.corrupt", "This is not a public group's state of version 1.");
  }
  return new FrameWriter().bytes(serialized.subarray(1), MAX_PUBLIC_STATE_BYTES);
}
