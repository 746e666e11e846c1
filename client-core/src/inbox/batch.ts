import {
  type AccountId,
  type DeviceId,
  equalBytes,
  idBytes,
  type OrgId,
  type RoomId,
  type Sha256,
} from "@cloister/base";
import type { OpenedMessage } from "@cloister/group-engine/types";
import { roomsV1 } from "@cloister/proto";
import { parseLeafCredential } from "@cloister/rules";
import { clientErrors } from "../errors.ts";
import { MAX_BATCH_ITEMS } from "../limits.ts";
import { parsePadded } from "../outbox/padding.ts";

/** Whose leaf sealed it. */
export interface LeafOwner {
  readonly account: AccountId;
  readonly device: DeviceId;
}

export interface OpenedBatch extends LeafOwner {
  /** The encoded batch, as its hash covers it and as it is stored. */
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
  readonly batch: roomsV1.Batch;
}

/** A decrypted record's batch, held against the leaf that sealed it and the room it came in. */
export function parseBatch(
  opened: Pick<OpenedMessage, "plaintext" | "senderCredential">,
  place: { readonly org: OrgId; readonly room: RoomId; readonly sha256: Sha256 },
): OpenedBatch {
  const bytes = Uint8Array.from(parsePadded(opened.plaintext));
  const batch = decodeBatch(bytes);
  const { org, account, device } = parseLeafCredential(opened.senderCredential);
  if (org !== place.org) throw clientErrors.ERR_ROSTER_LEAF("a leaf of another org");
  const owner = { account, device };
  if (!equalBytes(batch.deviceId, idBytes(owner.device))) {
    throw clientErrors.ERR_BATCH_MALFORMED("a batch names another device than its leaf");
  }
  if (!equalBytes(batch.roomId, idBytes(place.room))) {
    throw clientErrors.ERR_BATCH_MALFORMED("a batch names another room");
  }
  return { ...owner, bytes, hash: place.sha256(bytes), batch };
}

/** Shape only: text of a member of the room is shown as it is, and one bad item spoils no other. */
export function decodeBatch(bytes: Uint8Array): roomsV1.Batch {
  const batch = decodeOrThrow(bytes);
  const isShaped =
    batch.previousHash.length === 32 &&
    batch.counter > 0n &&
    batch.checkpoint.length <= 1024 &&
    batch.items.length > 0 &&
    batch.items.length <= MAX_BATCH_ITEMS;
  if (!isShaped) throw clientErrors.ERR_BATCH_MALFORMED("a batch breaks the contract");
  return batch;
}

function decodeOrThrow(bytes: Uint8Array): roomsV1.Batch {
  try {
    return roomsV1.Batch.decode(bytes);
  } catch (cause) {
    throw clientErrors.ERR_BATCH_MALFORMED("a batch does not decode", { cause });
  }
}
