import { createServer } from "node:net";
import { kitErrors } from "./errors.ts";

/** A TCP port that was free a moment ago; whoever binds it must still handle that it is taken. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  const [port] = await freePorts(1, host);
  if (port === undefined) throw kitErrors.ERR_PORT_TAKEN("no free port was found");
  return port;
}

/** Different free ports: all are held until all are known. */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listenAnywhere(host)));
  const ports = servers.map((server) => {
    const at = server.address();
    return typeof at === "object" && at !== null ? at.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function listenAnywhere(host: string): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, host, () => resolve(server));
  });
}

/** Throws ERR_PORT_TAKEN, with what to do, if `port` cannot be bound now. */
export async function requireFreePort(port: number, host = "127.0.0.1"): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const server = createServer();
    server.once("error", (cause) => {
      const hint = "choose another port, or stop what listens there";
      reject(kitErrors.ERR_PORT_TAKEN(`port ${port} is taken`, { cause, hint, details: { port } }));
    });
    server.listen(port, host, () => server.close(() => resolve()));
  });
}
