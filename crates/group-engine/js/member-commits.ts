import { readSummary } from "./decode.ts";
import { type FrameReader, FrameWriter } from "./frame.ts";
import type { EngineInstance } from "./instance.ts";
import {
  GROUP_ID_BYTES,
  MAX_AAD_BYTES,
  MAX_ADDS,
  MAX_CONTEXT_EXTENSION_BYTES,
  MAX_CREDENTIAL_BYTES,
  MAX_HANDSHAKE_BYTES,
  MAX_KEY_PACKAGE_BYTES,
  MAX_REMOVES,
} from "./limits.ts";
import { readBundle } from "./member-joins.ts";
import type { CommitOptions, MemberEngine, StagedCommit } from "./types.ts";

type CommitCalls = Pick<
  MemberEngine,
  "commit" | "mergePending" | "clearPending" | "stage" | "mergeStaged" | "dropStaged"
>;

export function commitCalls(instance: EngineInstance): CommitCalls {
  const runFor = (name: string) => (groupId: Uint8Array) =>
    instance.run(name, new FrameWriter().bytes(groupId, GROUP_ID_BYTES));
  return {
    commit: (options) => instance.call("member_commit", commitFrame(options), readBundle),
    mergePending: runFor("member_merge_pending"),
    clearPending: runFor("member_clear_pending"),
    stage: (groupId, message) => {
      const input = new FrameWriter()
        .bytes(groupId, GROUP_ID_BYTES)
        .bytes(message, MAX_HANDSHAKE_BYTES);
      return instance.call("member_stage", input, readStaged);
    },
    mergeStaged: runFor("member_merge_staged"),
    dropStaged: runFor("member_drop_staged"),
  };
}

function commitFrame(options: CommitOptions): FrameWriter {
  const { adds = [], removes = [] } = options;
  const input = new FrameWriter().bytes(options.groupId, GROUP_ID_BYTES);
  input.count(adds.length, MAX_ADDS);
  for (const keyPackage of adds) input.bytes(keyPackage, MAX_KEY_PACKAGE_BYTES);
  input.count(removes.length, MAX_REMOVES);
  for (const leafIndex of removes) input.u32(leafIndex);
  return input
    .optionalBytes(options.contextExtension, MAX_CONTEXT_EXTENSION_BYTES)
    .optionalBytes(options.credential, MAX_CREDENTIAL_BYTES)
    .bytes(options.aad, MAX_AAD_BYTES);
}

function readStaged(frame: FrameReader): StagedCommit {
  return {
    own: frame.flag(),
    removesOwnLeaf: frame.flag(),
    epochAuthenticatorAfter: frame.optionalBytes(),
    summary: readSummary(frame),
  };
}
