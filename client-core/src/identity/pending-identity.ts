import { SecretBytes } from "@cloister/base";
import { encodeStored, fieldsOf, parseStored, storedBytes } from "../store/frame.ts";
import type { SealedStore } from "../store/seal-store.ts";
import { encodeIdentity, type Identity, parseIdentity } from "./identity.ts";

/** What was made and may have been sent: a cut attempt goes on with the same keys and bytes. */
export interface PendingIdentity {
  readonly identity: Identity;
  readonly recovery: SecretBytes;
  /** Encoded SignedStatement: a genesis, or the acceptance of an invitation. */
  readonly statement: Uint8Array;
}

export const pendingKey = "identity-pending";

export async function writePending(
  store: SealedStore,
  purpose: Uint8Array,
  { identity, recovery, statement }: PendingIdentity,
): Promise<void> {
  const header = {
    purpose: storedBytes(purpose),
    recovery: recovery.expose((bytes) => storedBytes(bytes)),
    identity: storedBytes(encodeIdentity(identity)),
  };
  const puts = [{ key: pendingKey, value: encodeStored(header, statement) }];
  await store.transaction({ puts, deletes: [] });
}

export async function readPending(
  store: SealedStore,
  purpose: Uint8Array,
): Promise<PendingIdentity | undefined> {
  const stored = await store.get(pendingKey);
  if (stored === undefined) return undefined;
  const { header, body } = parseStored(stored);
  const fields = fieldsOf(header);
  if (fields.text("purpose") !== storedBytes(purpose)) return undefined;
  return {
    identity: parseIdentity(fields.bytes("identity")),
    recovery: SecretBytes.from(fields.bytes("recovery")),
    statement: Uint8Array.from(body),
  };
}
