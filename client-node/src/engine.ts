import { readFile } from "node:fs/promises";
import type { EnginePort } from "@cloister/client-core";
import { createMemberEngine } from "@cloister/group-engine/member";
import { memberWasmHref } from "@cloister/group-engine/wasm-paths";

/** The group engine's member half, read from disk at its first use. */
export function nodeEngine(): EnginePort {
  let bytes: Promise<Uint8Array> | undefined;
  return async (options) => {
    bytes ??= readFile(new URL(memberWasmHref));
    return createMemberEngine(await bytes, options);
  };
}
