import { readKeyPackage, readMessageView } from "./decode.ts";
import { FrameWriter } from "./frame.ts";
import type { EngineInstance } from "./instance.ts";
import { MAX_HANDSHAKE_BYTES, MAX_KEY_PACKAGE_BYTES } from "./limits.ts";
import type { KeyPackageView, MessageView } from "./types.ts";

/** Verifies both signatures of a key package and says what is in it. */
export function inspectKeyPackage(
  instance: EngineInstance,
  keyPackage: Uint8Array,
): KeyPackageView {
  const input = new FrameWriter().bytes(keyPackage, MAX_KEY_PACKAGE_BYTES);
  return instance.call("inspect_key_package", input, readKeyPackage);
}

/** Parses a message and says what it claims, unverified. */
export function peekMessage(instance: EngineInstance, message: Uint8Array): MessageView {
  const input = new FrameWriter().bytes(message, MAX_HANDSHAKE_BYTES);
  return instance.call("peek_message", input, readMessageView);
}
