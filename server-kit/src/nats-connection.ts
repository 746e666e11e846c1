import { isCloisterError } from "@cloister/base";
import { inboxPrefix } from "@cloister/proto";
import {
  type Authenticator,
  AuthorizationError,
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  type NatsConnection,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
  UserAuthenticationExpiredError,
} from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { kitErrors } from "./errors.ts";
import type { NkeySigner } from "./nats-jwt/nkey-pair.ts";

export interface ConnectNatsOptions {
  readonly servers: readonly string[];
  /** Certificate of the fleet's authority in PEM; nothing else is trusted. */
  readonly caPem: string;
  readonly signer: NkeySigner<"user">;
  /** The newest user token: asked again at each connect, so a renewed one is used at once. */
  readonly currentJwt: () => string;
  readonly name: string;
  readonly timeoutMs?: number;
  /** -1: for ever. */
  readonly maxReconnectAttempts?: number;
}

/** Connects with a user token and its nkey; replies come to the user's own inbox. */
export async function connectNats(options: ConnectNatsOptions): Promise<NatsConnection> {
  try {
    return await connect({
      servers: [...options.servers],
      name: options.name,
      authenticator: nkeyAuthenticator(options),
      inboxPrefix: inboxPrefix(options.signer.publicKey),
      timeout: options.timeoutMs ?? 10_000,
      maxReconnectAttempts: options.maxReconnectAttempts ?? -1,
      // An expired token ends in a second connect, for which `currentJwt` has a new one.
      ignoreAuthErrorAbort: true,
      reconnectTimeWait: 250,
      reconnectJitter: 250,
      reconnectJitterTLS: 500,
      tls: { ca: options.caPem, minVersion: "TLSv1.3" } as { ca: string },
    });
  } catch (error) {
    throw natsError(error);
  }
}

/** Signs the server's nonce: the token alone is of no use to whoever reads it. */
function nkeyAuthenticator(
  options: Pick<ConnectNatsOptions, "signer" | "currentJwt">,
): Authenticator {
  return (nonce) => {
    const signature = options.signer.sign(Buffer.from(nonce ?? ""));
    return {
      nkey: options.signer.publicKey,
      jwt: options.currentJwt(),
      sig: Buffer.from(signature).toString("base64url"),
    };
  };
}

/** The error of ours for whatever the NATS client threw; errors of ours pass as they are. */
export function natsError(error: unknown): Error {
  if (isCloisterError(error)) return error;
  const cause = error instanceof RequestError && error.cause !== undefined ? error.cause : error;
  if (cause instanceof PermissionViolationError) {
    return kitErrors.ERR_NATS_REFUSED("NATS refused the subject", { cause: error });
  }
  if (cause instanceof AuthorizationError || cause instanceof UserAuthenticationExpiredError) {
    return kitErrors.ERR_NATS_AUTH("NATS refused the token", { cause: error });
  }
  if (cause instanceof TimeoutError) {
    return kitErrors.ERR_NATS_TIMEOUT("NATS did not answer in time", { cause: error });
  }
  if (cause instanceof NoRespondersError) {
    return kitErrors.ERR_NATS_UNAVAILABLE("no service answers on this subject", { cause: error });
  }
  if (isConnectionError(cause)) {
    return kitErrors.ERR_NATS_UNAVAILABLE("no connection to NATS", { cause: error });
  }
  return kitErrors.ERR_NATS_UNAVAILABLE("NATS failed", { cause: error });
}

function isConnectionError(error: unknown): boolean {
  return (
    error instanceof ConnectionError ||
    error instanceof ClosedConnectionError ||
    error instanceof DrainingConnectionError
  );
}
