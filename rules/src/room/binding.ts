import { equalBytes, idBytes, type OrgId, type RoomId } from "@cloister/base";
import { parseMessage, roomsV1 } from "@cloister/proto";
import { rulesErrors } from "../errors.ts";
import type { RoomFact } from "../state/facts.ts";
import { type OrgState, orgOf } from "../state/org-state.ts";
import type { ContextFacts } from "./commit-facts.ts";

const maxBindingBytes = 512;

/** What a commit's authenticated data say: where it belongs, what it follows, which log it was made under. */
export interface CommitBinding {
  readonly org: OrgId;
  readonly room: RoomId;
  readonly rulesVersion: number;
  /** SHA-256 of the encoded SignedHandshake before. */
  readonly previousHash: Uint8Array;
  readonly logSize: number;
  readonly logRoot: Uint8Array;
  /** SHA-256 of the encoded grant; undefined where none is needed. */
  readonly grantHash: Uint8Array | undefined;
}

export function encodeCommitBinding(binding: CommitBinding): Uint8Array {
  return roomsV1.CommitBinding.encode({
    orgId: idBytes(binding.org),
    roomId: idBytes(binding.room),
    rulesVersion: binding.rulesVersion,
    previousHandshakeHash: binding.previousHash,
    logSize: BigInt(binding.logSize),
    logRoot: binding.logRoot,
    grantHash: binding.grantHash ?? new Uint8Array(0),
  }).finish();
}

/** Extension 0xF0C1 of a room's group context. */
export function encodeGroupBinding(binding: {
  readonly org: OrgId;
  readonly room: RoomId;
  readonly rulesVersion: number;
}): Uint8Array {
  return roomsV1.GroupBinding.encode({
    orgId: idBytes(binding.org),
    roomId: idBytes(binding.room),
    rulesVersion: binding.rulesVersion,
  }).finish();
}

/** Throws unless the authenticated data are exactly those of this place. */
export function checkCommitBinding(aad: Uint8Array, expected: CommitBinding): void {
  const found = parseMessage("cloister.rooms.v1.CommitBinding", aad, maxBindingBytes);
  const isEqual =
    isPlace(found, expected) &&
    found.logSize === BigInt(expected.logSize) &&
    equalBytes(found.previousHandshakeHash, expected.previousHash) &&
    equalBytes(found.logRoot, expected.logRoot) &&
    equalBytes(found.grantHash, expected.grantHash ?? new Uint8Array(0));
  if (!isEqual) {
    throw rulesErrors.ERR_HANDSHAKE_BINDING("the commit's authenticated data belong elsewhere");
  }
}

/** Throws unless the context is this room's: its group, its binding, and nothing besides. */
export function checkContext(
  state: OrgState,
  room: RoomFact,
  context: ContextFacts & { readonly wantedEpoch: bigint },
): void {
  const binding = parseMessage(
    "cloister.rooms.v1.GroupBinding",
    context.contextExtension,
    maxBindingBytes,
  );
  const place = { org: orgOf(state), room: room.room, rulesVersion: room.rulesVersion };
  const isRooms =
    isPlace(binding, place) &&
    equalBytes(context.groupId, idBytes(room.groupId)) &&
    context.epoch === context.wantedEpoch &&
    !context.foreignExtensions;
  if (!isRooms) {
    throw rulesErrors.ERR_HANDSHAKE_CONTEXT("the group context is not the room's");
  }
}

function isPlace(
  found: { readonly orgId: Uint8Array; readonly roomId: Uint8Array; readonly rulesVersion: number },
  expected: { readonly org: OrgId; readonly room: RoomId; readonly rulesVersion: number },
): boolean {
  return (
    equalBytes(found.orgId, idBytes(expected.org)) &&
    equalBytes(found.roomId, idBytes(expected.room)) &&
    found.rulesVersion === expected.rulesVersion
  );
}
