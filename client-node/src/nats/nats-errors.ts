import { isCloisterError } from "@cloister/base";
import {
  AuthorizationError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
  UserAuthenticationExpiredError,
} from "@nats-io/nats-core";
import { clientNodeErrors } from "../errors.ts";

/** A publish that never got an answer: what is known of it. */
export function lostOutcome(cause: unknown): {
  readonly kind: "denied" | "timeout" | "disconnected";
} {
  const reason = reasonOf(cause);
  if (reason instanceof PermissionViolationError) return { kind: "denied" };
  if (reason instanceof TimeoutError || isUnanswered(cause)) return { kind: "timeout" };
  return { kind: "disconnected" };
}

/** Kind Policy, Timeout or Transport; what is typed already stays as it is. */
export function requestError(cause: unknown): unknown {
  if (isCloisterError(cause)) return cause;
  const reason = reasonOf(cause);
  if (reason instanceof PermissionViolationError) {
    return clientNodeErrors.ERR_CONNECTION_DENIED("the relay refuses this subject", { cause });
  }
  if (reason instanceof TimeoutError) {
    return clientNodeErrors.ERR_SERVER_TIMEOUT("the relay did not answer in time", { cause });
  }
  return clientNodeErrors.ERR_SERVER_UNREACHABLE("the relay does not answer", { cause });
}

/** Why no connection came about: only a refused token is final. */
export function dialError(cause: unknown): unknown {
  if (isCloisterError(cause)) return cause;
  if (cause instanceof AuthorizationError || cause instanceof UserAuthenticationExpiredError) {
    return clientNodeErrors.ERR_CONNECTION_DENIED("the relay does not take this token", { cause });
  }
  return clientNodeErrors.ERR_SERVER_UNREACHABLE("the relay cannot be reached", { cause });
}

/** Nobody serves the subject at the moment: the stream's leader is away. */
function isUnanswered(cause: unknown): boolean {
  return cause instanceof RequestError && cause.isNoResponders();
}

function reasonOf(cause: unknown): unknown {
  return cause instanceof RequestError && cause.cause !== undefined ? cause.cause : cause;
}
