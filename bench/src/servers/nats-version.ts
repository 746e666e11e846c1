import { resolveNatsServer } from "@cloister/server-kit";
import { natsModuleDir } from "@cloister/testkit";

/** Of the server that the benches start. */
export async function natsServerVersion(): Promise<string> {
  const binary = await resolveNatsServer({ moduleDir: natsModuleDir });
  return String(binary.version);
}
