import { readFile } from "node:fs/promises";
import type { EnginePort } from "@cloister/client-core";
import { createMemberEngine } from "@cloister/group-engine/member";
import { memberWasmUrl } from "@cloister/group-engine/wasm-paths";

/** The group engine's member half, compiled at its first use and shared from then on. */
export function nodeEngine(): EnginePort {
  let compiled: Promise<WebAssembly.Module> | undefined;
  return async (options) => {
    compiled ??= readFile(memberWasmUrl).then((bytes) => WebAssembly.compile(bytes));
    return createMemberEngine(await compiled, options);
  };
}
