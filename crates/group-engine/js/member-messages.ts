import { EngineError } from "./errors.ts";
import { type FrameReader, FrameWriter } from "./frame.ts";
import type { EngineInstance } from "./instance.ts";
import {
  GROUP_ID_BYTES,
  MAX_AAD_BYTES,
  MAX_APPLICATION_BYTES,
  MAX_EXPORT_BYTES,
  MAX_LABEL_BYTES,
} from "./limits.ts";
import type { MemberEngine, OpenedMessage } from "./types.ts";

type MessageCalls = Pick<MemberEngine, "seal" | "open" | "exportSecret">;

export function messageCalls(instance: EngineInstance): MessageCalls {
  return {
    seal: ({ groupId, plaintext, aad }) => {
      const input = new FrameWriter()
        .bytes(groupId, GROUP_ID_BYTES)
        .bytes(plaintext, MAX_APPLICATION_BYTES)
        .bytes(aad, MAX_AAD_BYTES);
      return instance.call("member_seal", input, (frame) => frame.bytes());
    },
    open: (groupId, message) => {
      const input = new FrameWriter()
        .bytes(groupId, GROUP_ID_BYTES)
        .bytes(message, MAX_APPLICATION_BYTES);
      return instance.call("member_open", input, readOpened);
    },
    exportSecret: ({ groupId, label, context, lengthBytes }) => {
      const input = new FrameWriter()
        .bytes(groupId, GROUP_ID_BYTES)
        .bytes(asciiBytes(label), MAX_LABEL_BYTES)
        .bytes(context, MAX_AAD_BYTES)
        .count(lengthBytes, MAX_EXPORT_BYTES);
      return instance.call("member_export_secret", input, (frame) => frame.bytes());
    },
  };
}

function readOpened(frame: FrameReader): OpenedMessage {
  return {
    plaintext: frame.bytes(),
    senderLeafIndex: frame.u32(),
    senderCredential: frame.bytes(),
    senderSignatureKey: frame.bytes(),
    epoch: frame.u64(),
    aad: frame.bytes(),
  };
}

/** Exporter labels are ASCII by convention (RFC 9420 §17.8), so no encoder is needed. */
function asciiBytes(label: string): Uint8Array {
  const codes = Array.from(label, (character) => character.codePointAt(0) ?? 0);
  if (codes.some((code) => code > 0x7f)) {
    throw new EngineError("engine.usage", "An exporter label must be ASCII.");
  }
  return Uint8Array.from(codes);
}
