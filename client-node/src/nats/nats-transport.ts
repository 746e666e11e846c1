import type { Connection, ConnectionOptions, TransportPort } from "@cloister/client-core";
import { clientNodeErrors } from "../errors.ts";
import type { PinnedAuthorities } from "../pinned-authority.ts";
import { RelayConnection } from "./nats-connection.ts";

/**
 * NATS over TLS 1.3. The authority is the one that the gateway was reached by: whoever connects to a
 * relay has talked to its gateway before.
 */
export function natsTransport(authorities: PinnedAuthorities): TransportPort {
  return {
    async connect(options: ConnectionOptions): Promise<Connection> {
      if (options.urls.length === 0) {
        throw clientNodeErrors.ERR_SERVER_UNREACHABLE("the gateway named no relay");
      }
      return await RelayConnection.open(options, await authorities.knownPem(options.caSha256));
    },
  };
}
