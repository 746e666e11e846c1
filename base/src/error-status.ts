import type { ErrorKind } from "./errors.ts";

/** How a kind shows on each surface; the only place that decides it. */
export interface KindStatus {
  readonly http: number;
  /** `Nats-Service-Error-Code` of a reply. */
  readonly nats: number;
  /** Exit code of the command line, after sysexits(3). */
  readonly exit: number;
}

export const kindStatus: Readonly<Record<ErrorKind, KindStatus>> = {
  Usage: { http: 400, nats: 400, exit: 64 },
  Codec: { http: 422, nats: 422, exit: 65 },
  Verification: { http: 401, nats: 401, exit: 76 },
  Policy: { http: 403, nats: 403, exit: 77 },
  Transport: { http: 503, nats: 503, exit: 69 },
  Timeout: { http: 504, nats: 504, exit: 75 },
  Limit: { http: 413, nats: 413, exit: 73 },
  Internal: { http: 500, nats: 500, exit: 70 },
};

export function httpStatusOf(kind: ErrorKind): number {
  return kindStatus[kind].http;
}

export function natsStatusOf(kind: ErrorKind): number {
  return kindStatus[kind].nats;
}

export function exitCodeOf(kind: ErrorKind): number {
  return kindStatus[kind].exit;
}
