import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { memberWasmHref } from "@cloister/group-engine/wasm-paths";
import { rolldown } from "rolldown";
import { sideModule } from "./starting.ts";

/** Below the repository, so that what stays outside the bundle is found; never committed. */
const cacheFolder = fileURLToPath(new URL("../../../.cache/bench", import.meta.url));

const clientSides = ["client-send", "client-read", "client-file"] as const;
export type ClientSide = (typeof clientSides)[number];

export interface BuiltSides extends AsyncDisposable {
  module(side: ClientSide): URL;
}

/**
 * The client's sides as one module each, as the client is packed for those who use it: what stripping
 * types in a checkout takes (40 MiB, and half a second at the start) is no property of the client.
 */
export async function buildClientSides(): Promise<BuiltSides> {
  await mkdir(cacheFolder, { recursive: true });
  const folder = await mkdtemp(join(cacheFolder, "sides-"));
  await using bundle = await rolldown({
    input: Object.fromEntries(clientSides.map((side) => [side, fileURLToPath(sideModule(side))])),
    platform: "node",
    external: (id) => !id.startsWith(".") && !id.startsWith("/") && !id.startsWith("@cloister/"),
    resolve: { mainFields: [], conditionNames: ["default"] },
    logLevel: "silent",
  });
  await bundle.write({ dir: join(folder, "lib"), format: "esm" });
  // The engine is looked for beside the bundle, as in the package.
  await cp(new URL(memberWasmHref), join(folder, "wasm", "member.wasm"), { recursive: true });
  return {
    module: (side) => pathToFileURL(join(folder, "lib", `${side}.js`)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
