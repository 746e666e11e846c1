import { join } from "node:path";
import { createDataKey, openDataKey, readPrivateFile, type SealingKey } from "@cloister/server-kit";

/** Opens the key that the gateways' buckets are sealed under; the fleet's first gateway makes it. */
export async function openGatewayDataKey(stateDir: string, box: SealingKey): Promise<SealingKey> {
  const path = join(stateDir, "gateway", "data-key.sealed");
  const file = { box, path, owner: "gateway" };
  return (await readPrivateFile(path)) === undefined ? createDataKey(file) : openDataKey(file);
}
