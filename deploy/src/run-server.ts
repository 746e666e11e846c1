import { renewCredentials } from "@cloister/accounts/init";
import { isCloisterError } from "@cloister/base";
import { endRemembered, requireFreePort } from "@cloister/server-kit";
import {
  type ControlRequest,
  type RoleStatus,
  type ServerStatus,
  serveControl,
} from "./control.ts";
import { deployErrors } from "./errors.ts";
import { gatewayUrl, natsUrls } from "./init-server.ts";
import { startNats } from "./nats-child.ts";
import { type RoleName, roleChild, rolePidFile } from "./role-children.ts";
import { type Box, roleEnvironment } from "./role-environment.ts";
import { makeFolders, readSettings, serverHome } from "./server-home.ts";
import { holdServerLock } from "./server-lock.ts";

export interface RunServerOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: ((text: string) => void) | undefined;
  readonly onReady?: (() => void) | undefined;
}

/**
 * The box in this process: nats-server and each role a supervised child. Stays until the signal, or
 * until somebody says stop on the control socket; then stops them in the reverse order.
 */
export async function runServer(folder: string, options: RunServerOptions): Promise<void> {
  const home = serverHome(folder);
  const settings = await readSettings(home);
  await makeFolders(home);
  using _lock = holdServerLock(home.lockFile);
  const startedMs = Date.now();
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  const children: StatusSource[] = [];
  const answer = (request: ControlRequest): ServerStatus => {
    if (request.kind === "stop") stopping.abort();
    return {
      pid: process.pid,
      startedMs,
      gatewayUrl: gatewayUrl(settings),
      natsUrls: natsUrls(settings),
      roles: children.map((child) => child.status()),
    };
  };
  await using _control = await serveControl(home.controlSocket, answer);
  await renewCredentials({ stateDir: home.folder });
  await using started = new AsyncDisposableStack();
  await startChildren({ home, settings }, { children, started, signal }, options.onProgress);
  options.onReady?.();
  await aborted(signal);
}

interface StatusSource {
  status(): RoleStatus;
}

interface Started {
  readonly children: StatusSource[];
  readonly started: AsyncDisposableStack;
  readonly signal: AbortSignal;
}

/** nats-server before all; accounts before the relay, who asks it which orgs there are. */
async function startChildren(
  box: Box,
  to: Started,
  onProgress: ((text: string) => void) | undefined,
): Promise<void> {
  try {
    const nats = await startNats(box, onProgress ?? (() => undefined));
    to.started.use(nats);
    to.children.push(nats);
    const start = async (name: RoleName): Promise<void> => {
      const role = roleChild({
        name,
        home: box.home,
        environment: roleEnvironment(name, box),
      });
      to.children.push(role);
      to.started.use(role.child);
      await role.child.start();
    };
    const gateway = gatewayPortFree(box).then(() => start("gateway"));
    const others = start("accounts").then(() => start("relay"));
    // The first failure ends the start; what began before it is stopped with the rest.
    await Promise.all([gateway, others]);
  } catch (cause) {
    if (to.signal.aborted) return;
    if (isCloisterError(cause) && cause.kind === "Usage") throw cause;
    const text = cause instanceof Error ? cause.message : "a role did not start";
    throw deployErrors.ERR_SERVER_START(`${text}; logs are in ${box.home.logs}`, { cause });
  }
}

/** Said plainly before its own log would, once what an earlier run left has ended. */
async function gatewayPortFree({ home, settings }: Box): Promise<void> {
  await endRemembered(rolePidFile(home, "gateway"));
  await requireFreePort(settings.gatewayPort, settings.listenHost);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
