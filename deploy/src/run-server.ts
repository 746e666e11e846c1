import { renewCredentials } from "@cloister/accounts";
import { resolveNatsServer, waitForNats } from "@cloister/server-kit";
import { type ControlRequest, type ServerStatus, serveControl } from "./control.ts";
import { deployErrors } from "./errors.ts";
import { gatewayUrl, natsUrls } from "./init-server.ts";
import { type RoleChild, type RoleName, roleChild } from "./role-children.ts";
import { type Box, roleEnvironment } from "./role-environment.ts";
import { natsModuleDir, readSettings, serverHome } from "./server-home.ts";

export interface RunServerOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: ((text: string) => void) | undefined;
  readonly onReady?: (() => void) | undefined;
}

/**
 * The box in this process: each role a supervised child. Stays until the signal, or until somebody
 * says stop on the control socket; then stops the roles in the reverse order.
 */
export async function runServer(folder: string, options: RunServerOptions): Promise<void> {
  const home = serverHome(folder);
  const settings = await readSettings(home);
  const startedMs = Date.now();
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  const roles: RoleChild[] = [];
  const answer = (request: ControlRequest): ServerStatus => {
    if (request.kind === "stop") stopping.abort();
    return {
      pid: process.pid,
      startedMs,
      gatewayUrl: gatewayUrl(settings),
      natsUrls: natsUrls(settings),
      roles: roles.map((role) => role.status()),
    };
  };
  await using _control = await serveControl(home.controlSocket, answer);
  await renewCredentials({ stateDir: home.folder });
  const natsServer = await resolveNatsServer({
    moduleDir: natsModuleDir,
    signal,
    onProgress: options.onProgress,
  });
  await using started = new AsyncDisposableStack();
  await startRoles({ home, settings, natsServer }, { roles, started, signal });
  options.onReady?.();
  await aborted(signal);
}

/**
 * The relay brings nats-server, accounts and gateway need it, and the relay in turn is ready only
 * once accounts has told it the orgs.
 */
async function startRoles(
  box: Box,
  to: {
    readonly roles: RoleChild[];
    readonly started: AsyncDisposableStack;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const start = async (name: RoleName): Promise<{ readonly ready: Promise<void> }> => {
    const role = await roleChild({ name, home: box.home, environment: roleEnvironment(name, box) });
    to.roles.push(role);
    to.started.use(role.child);
    const ready = role.child.start();
    ready.catch(() => undefined);
    return { ready };
  };
  const relay = await start("relay");
  const address = { host: "127.0.0.1", port: box.settings.natsPort };
  await Promise.race([waitForNats(address, to.signal), relay.ready]);
  const accounts = await start("accounts");
  const gateway = await start("gateway");
  await Promise.all([relay.ready, accounts.ready, gateway.ready]).catch((cause: unknown) => {
    const text = cause instanceof Error ? cause.message : "a role did not start";
    throw deployErrors.ERR_SERVER_START(`${text}; logs are in ${box.home.logs}`, { cause });
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
