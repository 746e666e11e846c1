import type { ConnectionOptions } from "@cloister/client-core";
import { inboxPrefix } from "@cloister/proto";
import type { Authenticator, NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { clientNodeErrors } from "../errors.ts";
import { dialError } from "./nats-errors.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const PING_INTERVAL_MS = 20_000;

/**
 * One connection with credentials asked for now, that does not come back by itself: its token would
 * be the old one. Throws `ERR_CONNECTION_DENIED` or `ERR_SERVER_UNREACHABLE`.
 */
export async function dial(
  options: ConnectionOptions,
  caPem: string | undefined,
): Promise<NatsConnection> {
  const { jwt } = await options.credentials();
  try {
    return await connect({
      servers: [...options.urls],
      authenticator: authenticatorOf(options, jwt),
      inboxPrefix: inboxPrefix(options.nkey),
      timeout: CONNECT_TIMEOUT_MS,
      reconnect: false,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: 2,
      tls: tlsOptions(caPem),
    });
  } catch (cause) {
    throw dialError(cause);
  }
}

/** Signs the server's nonce. The token by itself is of no use to whoever reads it. */
function authenticatorOf(options: ConnectionOptions, jwt: string): Authenticator {
  return (nonce) => {
    const signature = options.signNonce(Buffer.from(nonce ?? ""));
    if (signature instanceof Promise) {
      throw clientNodeErrors.ERR_NONCE_UNSIGNED("the nkey has to sign at once on this platform");
    }
    return { nkey: options.nkey, jwt, sig: Buffer.from(signature).toString("base64url") };
  };
}

/** Node's TLS takes more options than the client's type names. */
function tlsOptions(caPem: string | undefined): { ca?: string } {
  const options = { minVersion: "TLSv1.3", ...(caPem === undefined ? {} : { ca: caPem }) };
  return options;
}
