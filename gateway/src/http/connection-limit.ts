import type { Server, Socket } from "node:net";
import { MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS } from "../limits.ts";
import { addressGroup } from "./address.ts";

/** Closes a connection beyond what one address may hold, before its TLS handshake costs anything. */
export function limitConnections(
  server: Server,
  maxPerAddress = MAX_CONNECTIONS_PER_ADDRESS,
): void {
  const open = new Map<string, number>();
  server.maxConnections = MAX_CONNECTIONS;
  server.prependListener("connection", (socket: Socket) => {
    const address = addressGroup(socket.remoteAddress ?? "");
    const count = (open.get(address) ?? 0) + 1;
    if (count > maxPerAddress) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once("close", () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}
