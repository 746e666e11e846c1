import { concatBytes } from "@cloister/base";
import { gatewayErrors } from "../errors.ts";

/** What is kept of one factor of one account. Each state is opaque to all but its method. */
export interface FactorRecord {
  /** Counts for policies. */
  readonly active: Uint8Array | undefined;
  /** Begun, and void unless presented in time. */
  readonly pending: { readonly state: Uint8Array; readonly sinceMs: number } | undefined;
  /** Wrong presentations since the last right one. */
  readonly failures: number;
  /** No presentation is looked at before this time. */
  readonly notBeforeMs: number;
}

export const emptyFactorRecord: FactorRecord = Object.freeze({
  active: undefined,
  pending: undefined,
  failures: 0,
  notBeforeMs: 0,
});

const version = 1;
/** Version, failures, not before, pending since, lengths of both states. */
const headBytes = 1 + 4 + 8 + 8 + 2 + 2;

export function encodeFactorRecord(record: FactorRecord): Uint8Array {
  const active = record.active ?? new Uint8Array(0);
  const pending = record.pending?.state ?? new Uint8Array(0);
  const head = new Uint8Array(headBytes);
  const view = new DataView(head.buffer);
  view.setUint8(0, version);
  view.setUint32(1, record.failures);
  view.setBigUint64(5, BigInt(record.notBeforeMs));
  view.setBigUint64(13, BigInt(record.pending?.sinceMs ?? 0));
  view.setUint16(21, active.length);
  view.setUint16(23, pending.length);
  return concatBytes(head, active, pending);
}

/** The states are copies: what was read may be erased afterwards. */
export function parseFactorRecord(bytes: Uint8Array): FactorRecord {
  if (bytes.length < headBytes) throw malformed();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const activeBytes = view.getUint16(21);
  const pendingBytes = view.getUint16(23);
  if (view.getUint8(0) !== version || bytes.length !== headBytes + activeBytes + pendingBytes) {
    throw malformed();
  }
  const active = bytes.slice(headBytes, headBytes + activeBytes);
  const pending = bytes.slice(headBytes + activeBytes);
  return {
    active: activeBytes === 0 ? undefined : active,
    pending:
      pendingBytes === 0 ? undefined : { state: pending, sinceMs: Number(view.getBigUint64(13)) },
    failures: view.getUint32(1),
    notBeforeMs: Number(view.getBigUint64(5)),
  };
}

function malformed(): Error {
  return gatewayErrors.ERR_STATE_MALFORMED("a stored factor is not of version 1");
}
