import { readContext, readMember } from "./decode.ts";
import { type FrameReader, FrameWriter } from "./frame.ts";
import { inspectKeyPackage, peekMessage } from "./inspect.ts";
import { EngineInstance } from "./instance.ts";
import { GROUP_ID_BYTES, LEAF_SEED_BYTES, MAX_CREDENTIAL_BYTES } from "./limits.ts";
import { commitCalls } from "./member-commits.ts";
import { joinCalls } from "./member-joins.ts";
import { messageCalls } from "./member-messages.ts";
import { storeCalls } from "./member-store.ts";
import type { EngineModule, GroupContextView, MemberEngine, MemberEngineOptions } from "./types.ts";

export { groupIdOfStoreKey } from "./member-store.ts";

/**
 * Makes an engine of the member build for one device. Instances share nothing
 * but the compiled module, so a trap in one leaves the others alone.
 */
export function createMemberEngine(
  module: EngineModule,
  options: MemberEngineOptions,
): MemberEngine {
  const instance = new EngineInstance(module, options);
  const signatureKey = initialise(instance, options);
  return {
    signatureKey,
    ...storeCalls(instance),
    ...joinCalls(instance),
    ...commitCalls(instance),
    ...messageCalls(instance),
    ...queryCalls(instance),
    inspectKeyPackage: (keyPackage) => inspectKeyPackage(instance, keyPackage),
    peekMessage: (message) => peekMessage(instance, message),
    memoryBytes: () => instance.memoryBytes(),
    [Symbol.dispose]: () => instance[Symbol.dispose](),
  };
}

function initialise(instance: EngineInstance, options: MemberEngineOptions): Uint8Array {
  const input = new FrameWriter()
    .bytes(options.leafSecretSeed, LEAF_SEED_BYTES)
    .bytes(options.credential, MAX_CREDENTIAL_BYTES);
  return instance.call("member_init", input, (frame) => frame.bytes());
}

interface Status {
  readonly ownLeafIndex: number;
  readonly isActive: boolean;
  readonly hasPending: boolean;
  readonly stateBytes: number;
}

function readStatus(frame: FrameReader): Status {
  return {
    ownLeafIndex: frame.u32(),
    isActive: frame.flag(),
    hasPending: frame.flag(),
    stateBytes: frame.u32(),
  };
}

type QueryCalls = Pick<
  MemberEngine,
  | "members"
  | "ownLeafIndex"
  | "isActive"
  | "hasPending"
  | "epoch"
  | "context"
  | "contextExtension"
  | "confirmedTranscriptHash"
  | "epochAuthenticator"
  | "exportTree"
  | "exportGroupInfo"
  | "groupStateBytes"
>;

function queryCalls(instance: EngineInstance): QueryCalls {
  const ask = <T>(name: string, groupId: Uint8Array, decode: (frame: FrameReader) => T): T =>
    instance.call(name, new FrameWriter().bytes(groupId, GROUP_ID_BYTES), decode);
  const status = (groupId: Uint8Array): Status => ask("member_status", groupId, readStatus);
  const context = (groupId: Uint8Array): GroupContextView =>
    ask("member_context", groupId, readContext);
  const bytesOf = (name: string) => (groupId: Uint8Array) =>
    ask(name, groupId, (frame) => frame.bytes());
  return {
    members: (groupId) => ask("member_members", groupId, (frame) => frame.list(readMember)),
    ownLeafIndex: (groupId) => status(groupId).ownLeafIndex,
    isActive: (groupId) => status(groupId).isActive,
    hasPending: (groupId) => status(groupId).hasPending,
    epoch: (groupId) => context(groupId).epoch,
    context,
    contextExtension: (groupId) => context(groupId).contextExtension,
    confirmedTranscriptHash: (groupId) => context(groupId).confirmedTranscriptHash,
    epochAuthenticator: bytesOf("member_epoch_authenticator"),
    exportTree: bytesOf("member_export_tree"),
    exportGroupInfo: bytesOf("member_export_group_info"),
    groupStateBytes: (groupId) => status(groupId).stateBytes,
  };
}
