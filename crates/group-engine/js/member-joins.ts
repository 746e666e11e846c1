import { readSummary } from "./decode.ts";
import { type FrameReader, FrameWriter } from "./frame.ts";
import type { EngineInstance } from "./instance.ts";
import {
  GROUP_ID_BYTES,
  KEY_PACKAGE_REF_BYTES,
  MAX_AAD_BYTES,
  MAX_CONTEXT_EXTENSION_BYTES,
  MAX_GROUP_INFO_BYTES,
  MAX_TREE_BYTES,
  MAX_WELCOME_BYTES,
} from "./limits.ts";
import type { CommitBundle, JoinedGroup, MemberEngine } from "./types.ts";

type JoinCalls = Pick<
  MemberEngine,
  "createGroup" | "keyPackage" | "deleteKeyPackage" | "joinWelcome" | "externalJoin"
>;

export function joinCalls(instance: EngineInstance): JoinCalls {
  return {
    createGroup: ({ groupId, contextExtension }) => {
      const input = new FrameWriter()
        .bytes(groupId, GROUP_ID_BYTES)
        .bytes(contextExtension, MAX_CONTEXT_EXTENSION_BYTES);
      return instance.call("member_create_group", input, (frame) => ({
        groupInfo: frame.bytes(),
        ratchetTree: frame.bytes(),
      }));
    },
    keyPackage: () =>
      instance.call("member_key_package", new FrameWriter(), (frame) => ({
        keyPackage: frame.bytes(),
        ref: frame.bytes(),
      })),
    deleteKeyPackage: (ref) => {
      const input = new FrameWriter().bytes(ref, KEY_PACKAGE_REF_BYTES);
      instance.run("member_delete_key_package", input);
    },
    joinWelcome: ({ welcome, ratchetTree }) => {
      const input = new FrameWriter()
        .bytes(welcome, MAX_WELCOME_BYTES)
        .bytes(ratchetTree, MAX_TREE_BYTES);
      return instance.call("member_join_welcome", input, readJoined);
    },
    externalJoin: ({ groupInfo, ratchetTree, aad, resyncLeafIndex }) => {
      const input = new FrameWriter()
        .bytes(groupInfo, MAX_GROUP_INFO_BYTES)
        .bytes(ratchetTree, MAX_TREE_BYTES)
        .bytes(aad, MAX_AAD_BYTES)
        .optionalU32(resyncLeafIndex);
      return instance.call("member_external_join", input, (frame) => ({
        ...readJoined(frame),
        ...readBundle(frame),
      }));
    },
  };
}

function readJoined(frame: FrameReader): JoinedGroup {
  return { groupId: frame.bytes(), epoch: frame.u64(), ownLeafIndex: frame.u32() };
}

export function readBundle(frame: FrameReader): CommitBundle {
  return {
    commit: frame.bytes(),
    welcome: frame.optionalBytes(),
    groupInfo: frame.bytes(),
    summary: readSummary(frame),
  };
}
