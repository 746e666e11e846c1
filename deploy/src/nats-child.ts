import { join } from "node:path";
import { readFleet } from "@cloister/accounts/init";
import { startNatsServer } from "@cloister/relay/nats-server";
import { openBox, resolveNatsServer } from "@cloister/server-kit";
import { childStatus } from "./child-status.ts";
import type { RoleStatus } from "./control.ts";
import type { Box } from "./role-environment.ts";
import { natsModuleDir } from "./server-home.ts";

export interface NatsChild extends AsyncDisposable {
  status(): RoleStatus;
}

/** The box's nats-server, as a child of the box's own process: no role's end takes it down. */
export async function startNats(
  { home, settings }: Box,
  onProgress: (text: string) => void,
): Promise<NatsChild> {
  const { operatorJwt, accounts, preload } = await readFleet(home.folder);
  const binary = await resolveNatsServer({ moduleDir: natsModuleDir, onProgress });
  using box = await openBox(home.folder);
  const logFile = join(home.logs, "nats-server.log");
  const server = await startNatsServer({
    folder: home.nats,
    logFile,
    box,
    binary,
    serverName: "cloister",
    listen: { host: settings.listenHost, port: settings.natsPort },
    websocket: { host: settings.listenHost, port: settings.webSocketPort },
    tls: { ...home.tls, caFile: home.caCertFile },
    maxFileStoreBytes: settings.maxFileStoreBytes,
    fleet: { operatorJwt, systemAccount: accounts.system, preload },
  });
  return {
    status: () => childStatus(server.state, { name: "nats-server", logFile }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
